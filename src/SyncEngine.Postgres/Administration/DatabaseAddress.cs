using System.Globalization;
using System.Net;
using System.Text;
using Npgsql;

namespace SyncEngine.Postgres.Administration;

/// <summary>
/// Reads the address of a database in any of the forms people have at hand: a postgres:// URL, libpq's <c>host=… dbname=…</c>, or Npgsql's <c>Host=…;Database=…</c>.
/// </summary>
/// <remarks>Source for the first two: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING. Errors never repeat the text: it holds a password.</remarks>
public static class DatabaseAddress
{
    /// <summary>As libpq writes it: the roots that the operating system trusts.</summary>
    private const string SystemRoots = "system";

    private const string OwnKeys = "DATABASE_URL or SyncEngine:Database:Url";

    /// <summary>What drivers of other languages put into the same URL and what means nothing to this one.</summary>
    private static readonly HashSet<string> Ignored = new(StringComparer.Ordinal)
    {
        "schema", "connection_limit", "pool_timeout", "pgbouncer", "fallback_application_name", "client_encoding", "gssencmode", "gsslib",
        "krbsrvname", "keepalives", "keepalives_interval", "keepalives_count", "sslcompression", "sslsni", "replication", "load_balance_hosts",
    };

    private static readonly Dictionary<string, Action<NpgsqlConnectionStringBuilder, string>> Keywords = new(StringComparer.Ordinal)
    {
        ["host"] = (builder, value) => builder.Host = value,
        ["hostaddr"] = (builder, value) => builder.Host = value,
        ["port"] = SetPort,
        ["user"] = (builder, value) => builder.Username = value,
        ["password"] = (builder, value) => builder.Password = value,
        ["passfile"] = (builder, value) => builder.Passfile = value,
        ["dbname"] = (builder, value) => builder.Database = value,
        ["application_name"] = (builder, value) => builder.ApplicationName = value,
        ["options"] = (builder, value) => builder.Options = value,
        ["connect_timeout"] = (builder, value) => builder.Timeout = int.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture),
        ["keepalives_idle"] = (builder, value) => (builder.TcpKeepAlive, builder.TcpKeepAliveTime) = (true, int.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture)),
        ["sslmode"] = (builder, value) => builder.SslMode = SslModeNamed(value),
        ["sslrootcert"] = (builder, value) => builder.RootCertificate = value == SystemRoots ? null : RootCertificate.FileOf(value),
        ["sslcert"] = (builder, value) => builder.SslCertificate = value,
        ["sslkey"] = (builder, value) => builder.SslKey = value,
        ["sslpassword"] = (builder, value) => builder.SslPassword = value,
        ["channel_binding"] = (builder, value) => builder.ChannelBinding = Enum.Parse<ChannelBinding>(value, ignoreCase: true),
        ["target_session_attrs"] = (builder, value) => builder.TargetSessionAttributes = value,
    };

    /// <param name="key">Where the text comes from, for errors.</param>
    /// <exception cref="OperatorException">What is wrong with it, in one line.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string text, string key = OwnKeys)
    {
        try
        {
            return Parse(text);
        }
        catch (OperatorException wrong) when (key != OwnKeys)
        {
            throw new OperatorException(wrong.Message.Replace(OwnKeys, key, StringComparison.Ordinal), wrong);
        }
    }

    private static NpgsqlConnectionStringBuilder Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = text.Trim();
        if (text.Length == 0)
        {
            throw Wrong("it is empty");
        }

        var builder = IsUrl(text, out var afterScheme) ? FromUrl(text[afterScheme..]) : FromKeyValues(text);
        if (string.IsNullOrEmpty(builder.Host))
        {
            builder.Host = Environment.GetEnvironmentVariable("PGHOST") is { Length: > 0 } host ? host : "localhost";
        }

        // Npgsql takes everything up to a semicolon for the host, keywords of libpq that neither knows included.
        return builder.Host.AsSpan().IndexOfAny(" =\t\r\n") < 0 ? builder : throw Wrong("the host has a blank or an equals sign in it; is a keyword misspelt?");
    }

    /// <summary>Where it leads, without the password: <c>user@host:port/database</c>.</summary>
    public static string Describe(NpgsqlConnectionStringBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var user = string.IsNullOrEmpty(builder.Username) ? "" : builder.Username + "@";
        return $"{user}{builder.Host}:{builder.Port}/{builder.Database ?? builder.Username}";
    }

    private static bool IsUrl(string text, out int afterScheme)
    {
        afterScheme = text.IndexOf("://", StringComparison.Ordinal) + 3;
        if (text.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase) || text.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        // "scheme://" in front of any '=' is a URL for something else.
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        return afterScheme < 3 || (equals >= 0 && equals < afterScheme)
            ? false
            : throw Wrong($"\"{text[..(afterScheme - 3)]}\" is not a scheme of PostgreSQL; write postgres://user:password@host:5432/database");
    }

    /// <remarks><c>[user[:password]@][host[:port],…][/database][?name=value&amp;…]</c>, each part percent-encoded.</remarks>
    private static NpgsqlConnectionStringBuilder FromUrl(string rest)
    {
        var builder = new NpgsqlConnectionStringBuilder();
        var (beforeQuery, query) = Cut(rest, rest.IndexOf('?', StringComparison.Ordinal));
        // A password should have its slashes encoded, but what stands before the last '@' is never a path.
        var (authority, database) = Cut(beforeQuery, beforeQuery.IndexOf('/', beforeQuery.LastIndexOf('@') + 1));
        var at = authority.LastIndexOf('@');
        if (at >= 0)
        {
            var (user, password) = Cut(authority[..at], authority.IndexOf(':', StringComparison.Ordinal) is var colon && colon < at ? colon : -1);
            SetUnlessEmpty(user, "user");
            SetUnlessEmpty(password, "password");
        }

        SetHosts(builder, authority[(at + 1)..]);
        SetUnlessEmpty(database, "dbname");
        var namesRoots = false;
        foreach (var pair in (query ?? "").Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = Cut(pair, pair.IndexOf('=', StringComparison.Ordinal));
            Set(builder, Decode(name, "parameter"), Decode(value ?? throw Wrong($"the parameter \"{name}\" has no value"), name));
            namesRoots |= name == "sslrootcert";
        }

        RequireRoots(builder, namesRoots);
        return builder;

        void SetUnlessEmpty(string? encoded, string keyword)
        {
            if (!string.IsNullOrEmpty(encoded))
            {
                Set(builder, keyword, Decode(encoded, keyword));
            }
        }
    }

    private static void SetHosts(NpgsqlConnectionStringBuilder builder, string hosts)
    {
        if (hosts.Length == 0)
        {
            return;
        }

        var several = hosts.Split(',');
        if (several.Length == 1)
        {
            var (host, port) = HostAndPort(hosts);
            builder.Host = Decode(host, "host");
            if (!string.IsNullOrEmpty(port))
            {
                SetPort(builder, port);
            }

            return;
        }

        // Npgsql writes several hosts as "a:1,b:2" in the one keyword.
        builder.Host = string.Join(',', several.Select(one => Decode(one, "host")));
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
            throw Wrong("the IPv6 address is not written as [address]:port");
        }

        return (text[1..end], end + 2 <= text.Length ? text[(end + 2)..] : null);
    }

    private static NpgsqlConnectionStringBuilder FromKeyValues(string text)
    {
        if (!TryReadLibpq(text, out var pairs))
        {
            try
            {
                return new NpgsqlConnectionStringBuilder(text);
            }
            catch (Exception exception) when (exception is ArgumentException or FormatException or NotSupportedException)
            {
                throw Wrong("it is neither a postgres:// URL nor a list of key-value pairs that libpq or Npgsql knows");
            }
        }

        var builder = new NpgsqlConnectionStringBuilder();
        foreach (var (name, value) in pairs)
        {
            Set(builder, name, value);
        }

        RequireRoots(builder, pairs.Any(pair => pair.Name == "sslrootcert"));
        return builder;
    }

    /// <remarks>libpq's rule: verification needs roots, by name or in their usual place. Npgsql would take those of the system without being told.</remarks>
    private static void RequireRoots(NpgsqlConnectionStringBuilder builder, bool namesRoots)
    {
        if (builder.SslMode is SslMode.VerifyCA or SslMode.VerifyFull && !namesRoots && !RootCertificate.IsInUsualPlace())
        {
            throw Wrong("sslmode verify-ca and verify-full need sslrootcert: the path of a root certificate, its PEM text, or \"system\" for the roots that this machine trusts");
        }
    }

    /// <summary>Reads <c>name = value name='quoted \' value'</c>; false when it is not of that form, as Npgsql's with semicolons is not.</summary>
    private static bool TryReadLibpq(string text, out List<(string Name, string Value)> pairs)
    {
        pairs = [];
        var at = 0;
        while (SkipSpace(text, ref at))
        {
            var equals = text.IndexOf('=', at);
            if (equals < 0)
            {
                return false;
            }

            var name = text[at..equals].TrimEnd();
            if (!Keywords.ContainsKey(name) && !Ignored.Contains(name))
            {
                return false;
            }

            at = equals + 1;
            SkipSpace(text, ref at);
            var value = ReadLibpqValue(text, ref at);
            if (value is null)
            {
                return false;
            }

            pairs.Add((name, value));
        }

        return true;
    }

    private static string? ReadLibpqValue(string text, ref int at)
    {
        var value = new StringBuilder();
        var isQuoted = at < text.Length && text[at] == '\'';
        at += isQuoted ? 1 : 0;
        for (; at < text.Length; at++)
        {
            var character = text[at];
            if (isQuoted ? character == '\'' : char.IsWhiteSpace(character))
            {
                break;
            }

            if (character == ';' && !isQuoted)
            {
                return null;
            }

            if (character == '\\' && at + 1 < text.Length)
            {
                character = text[++at];
            }

            value.Append(character);
        }

        if (isQuoted && at++ >= text.Length)
        {
            throw Wrong("a quoted value is not closed");
        }

        return value.ToString();
    }

    private static bool SkipSpace(string text, ref int at)
    {
        while (at < text.Length && char.IsWhiteSpace(text[at]))
        {
            at++;
        }

        return at < text.Length;
    }

    private static void Set(NpgsqlConnectionStringBuilder builder, string name, string value)
    {
        try
        {
            if (Keywords.TryGetValue(name, out var set))
            {
                set(builder, value);
            }
            else if (!Ignored.Contains(name))
            {
                builder[name] = value;
            }
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException or InvalidCastException or KeyNotFoundException)
        {
            throw Wrong(builder.ContainsKey(name) || Keywords.ContainsKey(name) ? $"the value of \"{name}\" is not one that it takes" : $"\"{name}\" is not a parameter that libpq or Npgsql knows");
        }
    }

    private static void SetPort(NpgsqlConnectionStringBuilder builder, string value) =>
        builder.Port = ushort.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0
            ? port
            : throw Wrong("the port is not a number from 1 to 65535");

    private static SslMode SslModeNamed(string value) => value switch
    {
        "disable" => SslMode.Disable,
        "allow" => SslMode.Allow,
        "prefer" => SslMode.Prefer,
        "require" => SslMode.Require,
        "verify-ca" => SslMode.VerifyCA,
        "verify-full" => SslMode.VerifyFull,
        _ => throw Wrong("sslmode is none of disable, allow, prefer, require, verify-ca, verify-full"),
    };

    private static string Decode(string encoded, string what)
    {
        for (var at = encoded.IndexOf('%', StringComparison.Ordinal); at >= 0; at = encoded.IndexOf('%', at + 1))
        {
            if (at + 2 >= encoded.Length || !char.IsAsciiHexDigit(encoded[at + 1]) || !char.IsAsciiHexDigit(encoded[at + 2]))
            {
                throw Wrong($"a '%' in its {what} is not followed by two hexadecimal digits; write %25 for a percent sign");
            }
        }

        return Uri.UnescapeDataString(encoded);
    }

    private static (string Before, string? After) Cut(string text, int at) => at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);

    private static OperatorException Wrong(string what) => new($"the database address cannot be read: {what} ({OwnKeys})");
}
