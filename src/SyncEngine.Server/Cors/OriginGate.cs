using SyncEngine.Server.Authentication;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Cors;

/// <summary>Decides whether a page of an origin may use the engine.</summary>
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
            && (string.Equals(uri.Authority, context.Request.Host.Value, StringComparison.OrdinalIgnoreCase) || IsLocalPage(uri, context));
    }

    private bool IsLocalPage(Uri origin, HttpContext context) =>
        options.Origins.Length == 0 && origin.Host.Length > 0 && LocalCaller.IsLocalName(origin.Host) && LocalCaller.IsLocal(context);
}
