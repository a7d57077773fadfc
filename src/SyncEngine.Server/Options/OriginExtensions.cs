using SyncEngine.Errors;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Authentication;

namespace SyncEngine.Server.Options;

/// <summary>Which web pages may talk to the engine: cross-origin headers, and a gate for what browsers send without asking first.</summary>
static class OriginExtensions
{
    /// <exception cref="OperatorException">An origin that is none.</exception>
    public static IServiceCollection AddSyncCors(this IServiceCollection services, IConfiguration configuration)
    {
        var options = OptionsBinder.Bind<CorsOptions>(configuration, CorsOptions.Section);
        if (options.Origins.FirstOrDefault(origin => !IsOrigin(origin)) is { } wrong)
        {
            throw new OperatorException($"{CorsOptions.Section}:{nameof(CorsOptions.Origins)} holds \"{wrong}\", which is not an origin such as https://app.example.com");
        }

        return services.AddSingleton(options).AddSingleton<OriginGate>();
    }

    /// <summary>After UseSyncErrors. Answers preflight requests, and refuses requests of pages that may not, sockets included: for these browsers ask nobody.</summary>
    public static IApplicationBuilder UseSyncCors(this IApplicationBuilder app) => app.UseMiddleware<OriginMiddleware>();

    private static bool IsOrigin(string text) =>
        text is "*" || (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && string.Equals(uri.GetLeftPart(UriPartial.Authority), text, StringComparison.OrdinalIgnoreCase));
}

/// <summary>Whether a page of an origin may talk to the engine.</summary>
sealed class OriginGate(CorsOptions options)
{
    public bool Admits(string origin, HttpContext context)
    {
        if (options.Origins.Contains("*", StringComparer.Ordinal) || options.Origins.Contains(origin, StringComparer.OrdinalIgnoreCase))
        {
            return true;
        }

        // The scheme is left out: behind a proxy that ends TLS ours is http. "null" (a sandbox, a file) is no URI.
        return Uri.TryCreate(origin, UriKind.Absolute, out var uri)
            && (string.Equals(uri.Authority, context.Request.Host.Value, StringComparison.OrdinalIgnoreCase)
                || (options.Origins.Length == 0 && CallerAuthenticator.IsLocalName(uri.Host) && uri.Host.Length > 0 && CallerAuthenticator.IsLocal(context)));
    }
}

sealed class OriginMiddleware(RequestDelegate next, OriginGate gate)
{
    public Task InvokeAsync(HttpContext context)
    {
        var origin = context.Request.Headers.Origin.ToString();
        if (origin.Length == 0)
        {
            return next(context);
        }

        context.Response.Headers.Vary = "Origin";
        if (!gate.Admits(origin, context))
        {
            throw new SyncException(ErrorCode.PermissionDenied, "pages of this origin may not use this server", hint: $"Add the origin to {CorsOptions.Section}:{nameof(CorsOptions.Origins)}.");
        }

        var headers = context.Response.Headers;
        headers.AccessControlAllowOrigin = origin;
        headers.AccessControlAllowCredentials = "true";
        headers.AccessControlExposeHeaders = "Retry-After, WWW-Authenticate";
        if (!HttpMethods.IsOptions(context.Request.Method) || !context.Request.Headers.ContainsKey("Access-Control-Request-Method"))
        {
            return next(context);
        }

        headers.AccessControlAllowMethods = "GET, POST, DELETE";
        headers.AccessControlAllowHeaders = context.Request.Headers.AccessControlRequestHeaders;
        headers.AccessControlMaxAge = "600";
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}
