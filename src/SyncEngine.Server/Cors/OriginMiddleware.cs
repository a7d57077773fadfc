using SyncEngine.Errors;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Cors;

/// <summary>Refuses requests of pages that may not use the engine.</summary>
/// <remarks>
/// CORS alone keeps a page from reading answers. It does not keep a browser from sending simple requests or opening WebSockets. A
/// WebSocket has no preflight, and the page can read its messages.
/// </remarks>
sealed class OriginMiddleware(RequestDelegate next, OriginGate gate)
{
    public Task InvokeAsync(HttpContext context)
    {
        var origin = context.Request.Headers.Origin.ToString();
        if (origin.Length == 0 || gate.Admits(origin, context))
        {
            return next(context);
        }

        context.Response.Headers.Vary = "Origin";
        throw new SyncException(
            ErrorCode.PermissionDenied,
            "pages of this origin may not use this server",
            hint: $"Add the origin to {CorsOptions.Section}:{nameof(CorsOptions.Origins)}.");
    }
}
