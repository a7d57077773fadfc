using System.Globalization;
using Npgsql;

namespace SyncEngine.Postgres.Administration;

/// <summary>The keywords of libpq, as settings of Npgsql. A keyword of Npgsql is taken as it is.</summary>
static class LibpqKeywords
{
    public const string RootCertificate = "sslrootcert";

    /// <summary>libpq's word for the roots that the operating system trusts.</summary>
    private const string SystemRoots = "system";

    /// <summary>Keywords that drivers of other languages put into the same address and that mean nothing to this one.</summary>
    private static readonly HashSet<string> ignored = new(StringComparer.Ordinal)
    {
        "schema", "connection_limit", "pool_timeout", "pgbouncer", "fallback_application_name", "client_encoding", "gssencmode", "gsslib",
        "krbsrvname", "keepalives", "keepalives_interval", "keepalives_count", "sslcompression", "sslsni", "replication",
        "load_balance_hosts",
    };

    private static readonly Dictionary<string, Action<NpgsqlConnectionStringBuilder, string>> keywords = new(StringComparer.Ordinal)
    {
        ["host"] = (builder, value) => builder.Host = value,
        ["hostaddr"] = (builder, value) => builder.Host = value,
        ["port"] = (builder, value) => builder.Port = Port(value),
        ["user"] = (builder, value) => builder.Username = value,
        ["password"] = (builder, value) => builder.Password = value,
        ["passfile"] = (builder, value) => builder.Passfile = value,
        ["dbname"] = (builder, value) => builder.Database = value,
        ["application_name"] = (builder, value) => builder.ApplicationName = value,
        ["options"] = (builder, value) => builder.Options = value,
        ["connect_timeout"] = (builder, value) => builder.Timeout = Number(value),
        ["keepalives_idle"] = (builder, value) => (builder.TcpKeepAlive, builder.TcpKeepAliveTime) = (true, Number(value)),
        ["sslmode"] = (builder, value) => builder.SslMode = SslModeNamed(value),
        [RootCertificate] = (builder, value) =>
            builder.RootCertificate = value == SystemRoots ? null : Administration.RootCertificate.FileOf(value),
        ["sslcert"] = (builder, value) => builder.SslCertificate = value,
        ["sslkey"] = (builder, value) => builder.SslKey = value,
        ["sslpassword"] = (builder, value) => builder.SslPassword = value,
        ["channel_binding"] = (builder, value) => builder.ChannelBinding = Enum.Parse<ChannelBinding>(value, ignoreCase: true),
        ["target_session_attrs"] = (builder, value) => builder.TargetSessionAttributes = value,
    };

    public static bool IsKnown(string name) => keywords.ContainsKey(name) || ignored.Contains(name);

    /// <exception cref="AddressFault">The name is unknown, or its value cannot be.</exception>
    public static void Set(NpgsqlConnectionStringBuilder builder, string name, string value)
    {
        try
        {
            if (keywords.TryGetValue(name, out var set))
            {
                set(builder, value);
            }
            else if (!ignored.Contains(name))
            {
                builder[name] = value;
            }
        }
        catch (Exception exception)
            when (exception is ArgumentException or FormatException or OverflowException or InvalidCastException or KeyNotFoundException)
        {
            throw AddressFault.Unreadable(builder.ContainsKey(name) || keywords.ContainsKey(name)
                ? $"the value of \"{name}\" is not one that it takes"
                : $"\"{name}\" is not a parameter that libpq or Npgsql knows");
        }
    }

    /// <summary>Refuses a mode that verifies the server's certificate when there are no roots to verify it with.</summary>
    /// <remarks>libpq's rule: roots must be named, or be in their usual place. Npgsql alone would take those of the system.</remarks>
    public static void RequireRoots(NpgsqlConnectionStringBuilder builder, bool namesRoots)
    {
        if (builder.SslMode is SslMode.VerifyCA or SslMode.VerifyFull && !namesRoots && !Administration.RootCertificate.IsInUsualPlace())
        {
            throw AddressFault.Unreadable(
                "sslmode verify-ca and verify-full need sslrootcert: the path of a root certificate, its PEM text, "
                + "or \"system\" for the roots that this machine trusts");
        }
    }

    private static int Number(string value) => int.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture);

    private static int Port(string value) =>
        ushort.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0
            ? port
            : throw AddressFault.Unreadable("the port is not a number from 1 to 65535");

    private static SslMode SslModeNamed(string value) => value switch
    {
        "disable" => SslMode.Disable,
        "allow" => SslMode.Allow,
        "prefer" => SslMode.Prefer,
        "require" => SslMode.Require,
        "verify-ca" => SslMode.VerifyCA,
        "verify-full" => SslMode.VerifyFull,
        _ => throw AddressFault.Unreadable("sslmode is none of disable, allow, prefer, require, verify-ca, verify-full"),
    };
}
