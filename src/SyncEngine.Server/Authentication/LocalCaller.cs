using System.Net;

namespace SyncEngine.Server.Authentication;

/// <summary>Callers on this machine.</summary>
static class LocalCaller
{
    /// <summary>True for callers on this machine. False for requests of a proxy, or under a foreign host name (DNS rebinding).</summary>
    public static bool IsLocal(HttpContext context) =>
        context.Connection.RemoteIpAddress is var remote && (remote is null || IPAddress.IsLoopback(remote))
        && !context.Request.Headers.ContainsKey("Forwarded") && !context.Request.Headers.ContainsKey("X-Forwarded-For")
        && IsLocalName(context.Request.Host.Host);

    public static bool IsLocalName(string host) =>
        host.Length == 0
        || string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
