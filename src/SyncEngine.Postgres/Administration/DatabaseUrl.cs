using System.Net;
using Npgsql;

namespace SyncEngine.Postgres.Administration;

/// <summary>Reads a postgres:// URL.</summary>
/// <remarks><c>postgres://[user[:password]@][host[:port],…][/database][?name=value&amp;…]</c>, each part percent-encoded.</remarks>
static class DatabaseUrl
{
    /// <returns>Null when the text is not a URL.</returns>
    public static NpgsqlConnectionStringBuilder? TryRead(string text) =>
        IsUrl(text, out var afterScheme) ? Read(text[afterScheme..]) : null;

    private static bool IsUrl(string text, out int afterScheme)
    {
        afterScheme = text.IndexOf("://", StringComparison.Ordinal) + 3;
        if (text.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        // "scheme://" in front of any '=' is a URL of another system.
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        return afterScheme < 3 || (equals >= 0 && equals < afterScheme)
            ? false
            : throw AddressFault.Unreadable(
                $"\"{text[..(afterScheme - 3)]}\" is not a scheme of PostgreSQL; write postgres://user:password@host:5432/database");
    }

    private static NpgsqlConnectionStringBuilder Read(string rest)
    {
        var builder = new NpgsqlConnectionStringBuilder();
        var (beforeQuery, query) = Cut(rest, rest.IndexOf('?', StringComparison.Ordinal));
        // A password should have its slashes encoded, but the part before the last '@' is never a path.
        var (authority, database) = Cut(beforeQuery, beforeQuery.IndexOf('/', beforeQuery.LastIndexOf('@') + 1));
        var at = authority.LastIndexOf('@');
        if (at >= 0)
        {
            var colon = authority.IndexOf(':', StringComparison.Ordinal);
            var (user, password) = Cut(authority[..at], colon < at ? colon : -1);
            SetUnlessEmpty(builder, "user", user);
            SetUnlessEmpty(builder, "password", password);
        }

        SetHosts(builder, authority[(at + 1)..]);
        SetUnlessEmpty(builder, "dbname", database);
        var namesRoots = false;
        foreach (var pair in (query ?? "").Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = Cut(pair, pair.IndexOf('=', StringComparison.Ordinal));
            var given = value ?? throw AddressFault.Unreadable($"the parameter \"{name}\" has no value");
            LibpqKeywords.Set(builder, Decode(name, "parameter"), Decode(given, name));
            namesRoots |= name == LibpqKeywords.RootCertificate;
        }

        LibpqKeywords.RequireRoots(builder, namesRoots);
        return builder;
    }

    private static void SetUnlessEmpty(NpgsqlConnectionStringBuilder builder, string keyword, string? encoded)
    {
        if (!string.IsNullOrEmpty(encoded))
        {
            LibpqKeywords.Set(builder, keyword, Decode(encoded, keyword));
        }
    }

    private static void SetHosts(NpgsqlConnectionStringBuilder builder, string hosts)
    {
        if (hosts.Length == 0)
        {
            return;
        }

        if (hosts.Contains(',', StringComparison.Ordinal))
        {
            // Npgsql writes several hosts as "a:1,b:2" in the one keyword.
            builder.Host = string.Join(',', hosts.Split(',').Select(one => Decode(one, "host")));
            return;
        }

        var (host, port) = HostAndPort(hosts);
        builder.Host = Decode(host, "host");
        if (!string.IsNullOrEmpty(port))
        {
            LibpqKeywords.Set(builder, "port", port);
        }
    }

    private static (string Host, string? Port) HostAndPort(string text)
    {
        if (!text.StartsWith('['))
        {
            return Cut(text, text.LastIndexOf(':'));
        }

        var end = text.IndexOf(']', StringComparison.Ordinal);
        if (end < 0 || !IPAddress.TryParse(text[1..end], out _) || (end + 1 < text.Length && text[end + 1] != ':'))
        {
            throw AddressFault.Unreadable("the IPv6 address is not written as [address]:port");
        }

        return (text[1..end], end + 2 <= text.Length ? text[(end + 2)..] : null);
    }

    private static string Decode(string encoded, string part)
    {
        for (var at = encoded.IndexOf('%', StringComparison.Ordinal); at >= 0; at = encoded.IndexOf('%', at + 1))
        {
            if (at + 2 >= encoded.Length || !char.IsAsciiHexDigit(encoded[at + 1]) || !char.IsAsciiHexDigit(encoded[at + 2]))
            {
                throw AddressFault.Unreadable(
                    $"a '%' in its {part} is not followed by two hexadecimal digits; write %25 for a percent sign");
            }
        }

        return Uri.UnescapeDataString(encoded);
    }

    private static (string Before, string? After) Cut(string text, int at) => at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);
}
