using Npgsql;

namespace SyncEngine.Postgres.Sessions;

/// <summary>
/// The settings of every session whose values leave the engine, for query and replication connections alike.
/// </summary>
/// <remarks>
/// They are sent in the startup packet. There they override ALTER ROLE … SET, ALTER DATABASE … SET and postgresql.conf; DISCARD ALL and
/// RESET return to them. Source: the order of GucSource in src/include/utils/guc.h (PGC_S_CLIENT is after
/// PGC_S_DATABASE_USER).
/// </remarks>
public static class SessionSettings
{
    /// <summary>Names and values, in the order in which they are sent.</summary>
    /// <remarks>search_path is that of the engine's own SQL; a subscriber's query sets its own for its transaction.</remarks>
    public static IReadOnlyList<(string Name, string Value)> All { get; } =
    [
        ("TimeZone", "UTC"),
        ("DateStyle", "ISO"),
        ("IntervalStyle", "postgres"),
        ("extra_float_digits", "1"),
        ("bytea_output", "hex"),
        ("client_encoding", "UTF8"),
        ("standard_conforming_strings", "on"),
        ("search_path", "pg_catalog,pg_temp"),
    ];

    /// <summary>Adds the settings to the connection string, after any that it has already: of two, PostgreSQL takes the last.</summary>
    public static NpgsqlConnectionStringBuilder Apply(NpgsqlConnectionStringBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var settings = string.Join(' ', All.Select(setting => $"-c {setting.Name}={setting.Value}"));
        if (builder.Options?.EndsWith(settings, StringComparison.Ordinal) != true)
        {
            builder.Options = string.IsNullOrWhiteSpace(builder.Options) ? settings : $"{builder.Options} {settings}";
        }

        // These have keywords of their own, which PostgreSQL applies after the options.
        builder.Timezone = "UTC";
        builder.ClientEncoding = "UTF8";
        builder.SearchPath = null;
        return builder;
    }
}
