using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace SyncEngine.Server.Options;

/// <summary>
/// The address that serves adbc's <c>/health</c> and <c>/metrics</c>: <c>HOST:PORT</c>, or <c>:PORT</c> for every interface.
/// </summary>
/// <param name="Host">Null for every interface.</param>
sealed record HealthAddress(IPAddress? Host, int Port)
{
    public static bool TryParse(string text, out HealthAddress? address)
    {
        address = null;
        var colon = text.LastIndexOf(':');
        if (colon < 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            return false;
        }

        var host = text[..colon].Trim('[', ']');
        var ip = IPAddress.Loopback;
        if (host is not ("" or "*" or "localhost") && !IPAddress.TryParse(host, out ip))
        {
            return false;
        }

        var isEveryInterface = host is "" or "*" || IPAddress.Any.Equals(ip) || IPAddress.IPv6Any.Equals(ip);
        address = new HealthAddress(isEveryInterface ? null : ip, port);
        return true;
    }

    public override string ToString()
    {
        var host = Host is { AddressFamily: AddressFamily.InterNetworkV6 } ? $"[{Host}]" : $"{Host}";
        return string.Create(CultureInfo.InvariantCulture, $"{host}:{Port}");
    }
}
