using System.Text.RegularExpressions;

namespace SyncEngine.Server.Options.Adbc;

/// <summary>The kind of value that a key of adbc takes.</summary>
enum AdbcKind
{
    Text,
    Number,
    Boolean,

    /// <summary>As Go writes it: <c>500ms</c>, <c>1m30s</c>.</summary>
    Duration,
}

/// <summary>One key of adbc's configuration.</summary>
/// <param name="Path">As in the YAML file. The names in the environment and on the command line follow from its words.</param>
/// <param name="Targets">Our own keys that take its value; none where copying is not enough.</param>
sealed partial record AdbcKey(string Path, AdbcKind Kind, string Description, params string[] Targets)
{
    /// <summary>Every key that was ever documented.</summary>
    public static IReadOnlyList<AdbcKey> All { get; } =
    [
        new("ably.apiKey", AdbcKind.Text, "Ably API key with the publish capability", "SyncEngine:Ably:Key"),
        new("postgres.connectionUri", AdbcKind.Text, "Database of the outbox, as a URI", AdbcMapping.Database),
        new("postgres.host", AdbcKind.Text, "… or in parts: host", AdbcMapping.Database),
        new("postgres.port", AdbcKind.Number, "port", AdbcMapping.Database),
        new("postgres.database", AdbcKind.Text, "name of the database", AdbcMapping.Database),
        new("postgres.user", AdbcKind.Text, "user", AdbcMapping.Database),
        new("postgres.password", AdbcKind.Text, "password", AdbcMapping.Database),
        new("outboxTable.tableSchema", AdbcKind.Text, "Schema of the outbox table (public)", "SyncEngine:Outbox:Schema"),
        new("outboxTable.tableName", AdbcKind.Text, "Name of the outbox table (outbox)", "SyncEngine:Outbox:Table"),
        new("outboxTable.autoCreate", AdbcKind.Boolean, "Create the outbox table at start (false)", "SyncEngine:Outbox:AutoCreate"),
        new("nodesTable.tableSchema", AdbcKind.Text, "Schema of the nodes table (public)", "SyncEngine:Outbox:NodesSchema"),
        new("nodesTable.tableName", AdbcKind.Text, "Name of the nodes table (nodes)", "SyncEngine:Outbox:NodesTable"),
        new("nodesTable.autoCreate", AdbcKind.Boolean, "Create the nodes table at start (false)", "SyncEngine:Outbox:AutoCreateNodes"),
        new("poll.fixedRate", AdbcKind.Boolean, "Poll on a timer, without the trigger (false)", "SyncEngine:Outbox:FixedRate"),
        new(
            "poll.interval", AdbcKind.Duration, "Period of the timer, else the debounce of notifications (1s)",
            "SyncEngine:Outbox:PollInterval", "SyncEngine:Outbox:Debounce"),
        new("heartbeat.timeout", AdbcKind.Duration, "A node silent for so long is dead (15s)", "SyncEngine:Outbox:NodeExpiry"),
        new("health.address", AdbcKind.Text, "HOST:PORT of /health and /metrics (:2259)", "SyncEngine:Outbox:HealthAddress"),
        new("health.refreshInterval", AdbcKind.Duration, "How often the tables are checked (5s)", "SyncEngine:Outbox:HealthRefresh"),
        new("env", AdbcKind.Text, "development (readable logs, debug) or production (JSON logs, info)"),
        new("log.level", AdbcKind.Text, "debug, info, warn, error, fatal or panic"),
    ];

    /// <summary>The sections of the YAML file.</summary>
    public static IEnumerable<string> Sections => All
        .Where(key => key.Path.Contains('.', StringComparison.Ordinal))
        .Select(key => key.Path.Split('.')[0])
        .Distinct(StringComparer.Ordinal);

    private string[] Words { get; } = [.. Word().Matches(Path).Select(word => word.Value)];

    public string Environment => "ADBC_" + string.Join('_', Words).ToUpperInvariant();

    /// <summary>The name on the command line, without the two hyphens.</summary>
    public string Flag => string.Join('-', Words).ToLowerInvariant();

    /// <summary>
    /// Finds a key by a path of the YAML file. Case and the division into levels do not matter: <c>logLevel</c> is <c>log.level</c>.
    /// </summary>
    public static AdbcKey? Find(string path) =>
        All.FirstOrDefault(key => Letters(key.Path).Equals(Letters(path), StringComparison.OrdinalIgnoreCase));

    /// <summary>True for a path that holds keys and is not itself one.</summary>
    public static bool IsSection(string path) =>
        Find(path) is null && All.Any(key => Letters(key.Path).StartsWith(Letters(path), StringComparison.OrdinalIgnoreCase));

    private static string Letters(string path) => path.Replace(".", "", StringComparison.Ordinal);

    [GeneratedRegex("[A-Z]?[a-z]+", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Word();
}
