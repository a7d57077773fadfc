using System.Text;
using Npgsql;
using SyncEngine.Connectors;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Connectors.Targets;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Server.Options.Adbc;

namespace SyncEngine.Server.Options;

/// <summary>A target that rules name, with its options.</summary>
sealed record ConfiguredTarget(TargetKind Kind, object? Options);

/// <summary>The outbox as configured, and checked: what belongs together fits together.</summary>
/// <param name="Address">The outbox's own database; null for the main one.</param>
/// <param name="Rules">In order; the first whose pattern fits a channel decides.</param>
/// <param name="HealthAddress">Null where adbc's addresses are not served.</param>
/// <param name="AdbcFile">The configuration file of adbc that was read, if any.</param>
sealed record OutboxSettings(
    OutboxOptions Options,
    NpgsqlConnectionStringBuilder? Address,
    IReadOnlyList<(string Pattern, ConfiguredTarget Target)> Rules,
    HealthAddress? HealthAddress,
    string? AdbcFile)
{
    private const string Section = OutboxOptions.Section;

    public const string DatabaseKey = $"{Section}:{nameof(OutboxOptions.Database)}";

    /// <summary>The key that gave the address, for errors.</summary>
    public string AddressOrigin { get; init; } = DatabaseKey;

    /// <summary>Some channels go to the engine's own hub.</summary>
    public bool UsesHub => Rules.Any(rule => rule.Target.Kind.Name == "hub");

    public OutboxNames Names => new(Options.Schema, Options.Table, Options.NodesSchema, Options.NodesTable);

    /// <summary>The address, as text, that stands in for the main database where none is configured.</summary>
    public static string? FallbackAddress(IConfiguration configuration) => configuration[DatabaseKey];

    /// <returns>Null when no key of the outbox is set: the part is closed.</returns>
    /// <exception cref="OperatorException">What is wrong, in one line that names the key as the user wrote it.</exception>
    public static OutboxSettings? Read(IConfiguration configuration)
    {
        if (!configuration.GetSection(Section).Exists())
        {
            return null;
        }

        try
        {
            var isAdbc = AdbcSource.IsOpen(configuration, out var file);
            var options = OptionsBinder.Bind<OutboxOptions>(configuration, Section);
            CheckTimes(options);
            CheckNames(options);
            var address = string.IsNullOrWhiteSpace(options.Database) ? null : DatabaseAddress.Parse(options.Database, DatabaseKey);
            if (isAdbc && address is null && !HasMainDatabase(configuration))
            {
                throw Wrong(nameof(options.Database), "is needed: the postgres:// URI of the outbox's database");
            }

            return new OutboxSettings(options, address, ReadRules(options, configuration), ReadHealthAddress(options), file)
            {
                AddressOrigin = AdbcSource.NameOf(DatabaseKey, configuration),
            };
        }
        catch (OperatorException error)
        {
            throw AdbcSource.WithGivenNames(error, configuration);
        }
    }

    private static bool HasMainDatabase(IConfiguration configuration) =>
        !string.IsNullOrWhiteSpace(OptionsReader.Database(configuration).Url) || !string.IsNullOrWhiteSpace(configuration["DATABASE_URL"]);

    private static void CheckTimes(OutboxOptions options)
    {
        // A node must have renewed its lease, or stopped sending, before another node takes its channels.
        if (options.Heartbeat >= options.NodeExpiry)
        {
            throw Wrong(nameof(options.Heartbeat), $"must be shorter than {Named(nameof(options.NodeExpiry), options.NodeExpiry)}");
        }

        if (options.NodeExpiry > options.LockDuration)
        {
            throw Wrong(nameof(options.NodeExpiry), $"must not be longer than {Named(nameof(options.LockDuration), options.LockDuration)}");
        }

        if (options.RetryDelay > options.MaxRetryDelay)
        {
            var bound = Named(nameof(options.MaxRetryDelay), options.MaxRetryDelay);
            throw Wrong(nameof(options.RetryDelay), $"must not be longer than {bound}");
        }

        static string Named(string name, TimeSpan value) => $"{name} ({Duration.Format(value)})";
    }

    private static void CheckNames(OutboxOptions options)
    {
        (string Key, string Name)[] names =
        [
            (nameof(options.Schema), options.Schema),
            (nameof(options.Table), options.Table),
            (nameof(options.NodesSchema), options.NodesSchema),
            (nameof(options.NodesTable), options.NodesTable),
        ];
        foreach (var (key, name) in names)
        {
            if (Encoding.UTF8.GetByteCount(name) > OutboxNames.MaxBytes || name.Contains('\0', StringComparison.Ordinal))
            {
                throw Wrong(key, $"must be a name of at most {OutboxNames.MaxBytes} bytes");
            }
        }

        if (options.Schema == options.NodesSchema && options.Table == options.NodesTable)
        {
            throw Wrong(nameof(options.NodesTable), $"must not be the outbox itself ({nameof(options.Table)})");
        }
    }

    private static List<(string Pattern, ConfiguredTarget Target)> ReadRules(OutboxOptions options, IConfiguration configuration)
    {
        var known = TargetCatalog.All.ToDictionary(
            kind => kind.Name, kind => ReadTarget(kind, configuration), StringComparer.OrdinalIgnoreCase);
        if (options.Targets.Count == 0)
        {
            return [("*", Usable(known.Values.First(target => target.Kind.IsConfigured(target.Options))))];
        }

        var rules = new List<(string Pattern, ConfiguredTarget Target)>();
        foreach (var (at, rule) in options.Targets.Index())
        {
            if (!known.TryGetValue(rule.Target, out var target))
            {
                throw Wrong(
                    $"{nameof(options.Targets)}:{at}:{nameof(rule.Target)}",
                    $"must be one of {string.Join(", ", known.Keys)}, not \"{rule.Target}\"");
            }

            rules.Add((rule.Channels, Usable(target)));
        }

        return rules;
    }

    private static ConfiguredTarget ReadTarget(TargetKind kind, IConfiguration configuration) =>
        new(kind, kind.HasOptions ? OptionRoom.Of(kind.Section!, kind.OptionsType!).Bind(configuration) : null);

    /// <exception cref="OperatorException">The target's options are not enough to send with.</exception>
    private static ConfiguredTarget Usable(ConfiguredTarget target) =>
        target.Kind.Problem(target.Options) is { } problem ? throw new OperatorException(problem) : target;

    private static HealthAddress? ReadHealthAddress(OutboxOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.HealthAddress))
        {
            return null;
        }

        return HealthAddress.TryParse(options.HealthAddress, out var address)
            ? address
            : throw Wrong(nameof(options.HealthAddress), "must be HOST:PORT or :PORT, HOST an IP address or localhost");
    }

    private static OperatorException Wrong(string key, string problem) => new($"{Section}:{key} {problem}");
}
