using System.Globalization;
using System.Net;
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
/// <param name="HealthAddress">Null where adbc's doors are not wanted.</param>
/// <param name="AdbcFile">The file of adbc's that was read, if any.</param>
sealed record OutboxSettings(
    OutboxOptions Options, NpgsqlConnectionStringBuilder? Address, IReadOnlyList<(string Pattern, ConfiguredTarget Target)> Rules, HealthAddress? HealthAddress, string? AdbcFile)
{
    private const string Section = OutboxOptions.Section;

    public const string DatabaseKey = $"{Section}:{nameof(OutboxOptions.Database)}";

    /// <summary>Where the address was given, for errors.</summary>
    public string AddressOrigin { get; init; } = DatabaseKey;

    /// <summary>Some channels go to the engine's own hub.</summary>
    public bool UsesHub => Rules.Any(rule => rule.Target.Kind.Name == "hub");

    public OutboxNames Names => new(Options.Schema, Options.Table, Options.NodesSchema, Options.NodesTable);

    /// <summary>The address that stands in for the main database where none is configured: text, as <see cref="Commands.MainDatabase"/> wants it.</summary>
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
            if (isAdbc && address is null && string.IsNullOrWhiteSpace(OptionsReader.Database(configuration).Url) && string.IsNullOrWhiteSpace(configuration["DATABASE_URL"]))
            {
                throw Wrong(nameof(options.Database), "is needed: the postgres:// URI of the outbox's database");
            }

            return new OutboxSettings(options, address, ReadRules(options, configuration), ReadHealthAddress(options), file) { AddressOrigin = AdbcSource.NameOf(DatabaseKey, configuration) };
        }
        catch (OperatorException error)
        {
            throw AdbcSource.InTheirWords(error, configuration);
        }
    }

    private static void CheckTimes(OutboxOptions options)
    {
        // A node must have said that it lives, and given up, before another takes its channels.
        if (options.Heartbeat >= options.NodeExpiry)
        {
            throw Wrong(nameof(options.Heartbeat), $"must be shorter than {nameof(options.NodeExpiry)} ({Duration.Format(options.NodeExpiry)})");
        }

        if (options.NodeExpiry > options.LockDuration)
        {
            throw Wrong(nameof(options.NodeExpiry), $"must not be longer than {nameof(options.LockDuration)} ({Duration.Format(options.LockDuration)})");
        }

        if (options.RetryDelay > options.MaxRetryDelay)
        {
            throw Wrong(nameof(options.RetryDelay), $"must not be longer than {nameof(options.MaxRetryDelay)} ({Duration.Format(options.MaxRetryDelay)})");
        }
    }

    private static void CheckNames(OutboxOptions options)
    {
        foreach (var (key, name) in ((string, string)[])[
            (nameof(options.Schema), options.Schema), (nameof(options.Table), options.Table), (nameof(options.NodesSchema), options.NodesSchema), (nameof(options.NodesTable), options.NodesTable)])
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
        var known = TargetCatalog.All.ToDictionary(kind => kind.Name, kind => new ConfiguredTarget(kind, kind.HasOptions ? OptionsBinder.Bind(configuration, kind.Section!, kind.OptionsType!) : null), StringComparer.OrdinalIgnoreCase);
        if (options.Targets.Count == 0)
        {
            return [("*", known.Values.First(target => target.Kind.IsConfigured(target.Options)) is var first && first.Kind.Problem(first.Options) is { } problem ? throw new OperatorException(problem) : first)];
        }

        var rules = new List<(string Pattern, ConfiguredTarget Target)>();
        foreach (var (at, rule) in options.Targets.Index())
        {
            if (!known.TryGetValue(rule.Target, out var target))
            {
                throw Wrong($"{nameof(options.Targets)}:{at}:{nameof(rule.Target)}", $"must be one of {string.Join(", ", known.Keys)}, not \"{rule.Target}\"");
            }

            if (target.Kind.Problem(target.Options) is { } problem)
            {
                throw new OperatorException(problem);
            }

            rules.Add((rule.Channels, target));
        }

        return rules;
    }

    private static HealthAddress? ReadHealthAddress(OutboxOptions options) => string.IsNullOrWhiteSpace(options.HealthAddress)
        ? null
        : HealthAddress.TryParse(options.HealthAddress, out var address) ? address : throw Wrong(nameof(options.HealthAddress), "must be HOST:PORT or :PORT, HOST an IP address or localhost");

    private static OperatorException Wrong(string key, string what) => new($"{Section}:{key} {what}");
}

/// <summary>Where adbc's doors are: <c>HOST:PORT</c>, or <c>:PORT</c> for every interface.</summary>
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

        address = new HealthAddress(host is "" or "*" || IPAddress.Any.Equals(ip) || IPAddress.IPv6Any.Equals(ip) ? null : ip, port);
        return true;
    }

    public override string ToString() => $"{(Host is null ? "" : Host.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{Host}]" : Host)}:{Port.ToString(CultureInfo.InvariantCulture)}";
}
