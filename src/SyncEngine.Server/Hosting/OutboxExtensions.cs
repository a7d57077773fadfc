using SyncEngine.Connectors.Outbox;
using SyncEngine.Connectors.Targets;
using SyncEngine.Observability;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Notifications;
using SyncEngine.Server.Cors;
using SyncEngine.Server.Observability;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Hosting;

/// <summary>Puts the outbox together: its database, its targets, the connector, health, adbc's doors.</summary>
static class OutboxExtensions
{
    /// <param name="database">Disposed of by the caller, after the host.</param>
    /// <param name="hasStream">The main database streams its changes, and so tells the order of commits.</param>
    /// <param name="isEmbedded">On a PostgreSQL of our own what is missing is made unless configured otherwise.</param>
    public static void AddSyncOutbox(this IServiceCollection services, IConfiguration configuration, OutboxSettings settings, OutboxDatabase database, bool isEmbedded, bool hasStream)
    {
        var options = isEmbedded ? WithEmbeddedDefaults(settings.Options, configuration) : settings.Options;
        settings = settings with { Options = options };
        services.AddSingleton(settings);
        services.AddSingleton(options);
        services.AddSingleton(database);
        services.AddSingleton<OutboxHealth>();
        services.AddSingleton(provider => MetricsOf(provider.GetRequiredService<OutboxHealth>()));
        services.AddSingleton(new OutboxInstallation(database.DataSource, settings.Names, options.FixedRate, settings.UsesHub));
        services.AddSingleton(provider => new OutboxRoutes(settings, database, provider));
        services.AddSingleton(provider => new OutboxMonitor(options, database.DataSource, provider.GetRequiredService<OutboxHealth>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new OutboxConnector(
            options,
            new OutboxConnections(
                database.DataSource,
                provider.GetRequiredService<NotificationListener>(), // of the same database: channels are where the outbox is
                provider.GetRequiredService<OutboxRoutes>().All,
                database.IsMain && hasStream ? ActivatorUtilities.CreateInstance<StreamCommitOrder>(provider) : null),
            new OutboxInstruments(provider.GetRequiredService<OutboxHealth>(), provider.GetRequiredService<OutboxMetrics>()),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<OutboxHealth>().Postgres);
        services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<OutboxHealth>().OutboxTable);
        services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<OutboxHealth>().NodesTable);
        services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<OutboxMonitor>().Channels);
        if (!options.FixedRate)
        {
            services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<OutboxHealth>().Listen);
        }

        foreach (var (kind, at) in settings.Rules.Select(rule => rule.Target.Kind).Distinct().Select((kind, at) => (kind, at)))
        {
            services.AddSingleton(provider => provider.GetRequiredService<OutboxRoutes>().Targets[at].Health);
        }

        services.AddHostedService<OutboxLoop>();
        if (settings.HealthAddress is { } address)
        {
            services.AddSingleton(provider => new AdbcDoor(
                address,
                provider.GetRequiredService<OutboxHealth>(),
                [.. provider.GetRequiredService<OutboxRoutes>().Targets.Select(target => target.Health)],
                provider.GetRequiredService<PrometheusText>(),
                provider.GetRequiredService<OriginGate>()));
            services.AddHostedService(provider => provider.GetRequiredService<AdbcDoor>());
        }
    }

    private static OutboxMetrics MetricsOf(OutboxHealth health)
    {
        var metrics = new OutboxMetrics();
        metrics.Gauge("sync_outbox_waiting_rows", "Rows of the outbox that are not at their target yet.", () => health.Waiting);
        metrics.Gauge("sync_outbox_held_channels", "Channels whose target refuses their next message, at most a hundred.", () => health.Blocked.Count);
        metrics.Gauge("sync_outbox_dead_letters", "Messages of the outbox in sync.dead_letters.", () => health.DeadLetters);
        return metrics;
    }

    private static OutboxOptions WithEmbeddedDefaults(OutboxOptions options, IConfiguration configuration)
    {
        var section = configuration.GetSection(OutboxOptions.Section);
        return options with
        {
            AutoCreate = options.AutoCreate || section[nameof(options.AutoCreate)] is null,
            AutoCreateNodes = options.AutoCreateNodes || section[nameof(options.AutoCreateNodes)] is null,
        };
    }
}

/// <summary>The targets that rules name, each made once, and the rules that lead to them.</summary>
sealed class OutboxRoutes : IAsyncDisposable
{
    public OutboxRoutes(OutboxSettings settings, OutboxDatabase database, IServiceProvider services)
    {
        // Seeded by the clock of the process: the randomness is that of waits, which must differ between nodes.
        var time = services.GetRequiredService<TimeProvider>();
        var parts = new TargetParts(database.DataSource, services, time, new Random(HashCode.Combine(Environment.ProcessId, time.GetTimestamp())), services.GetRequiredService<ILoggerFactory>());
        var made = settings.Rules.Select(rule => rule.Target).DistinctBy(target => target.Kind).ToDictionary(target => target.Kind, target => target.Kind.Create(target.Options, parts));
        Targets = [.. made.Values];
        All = [.. settings.Rules.Select(rule => new TargetRoute(rule.Pattern, made[rule.Target.Kind]))];
    }

    public IReadOnlyList<IMessageTarget> Targets { get; }

    public IReadOnlyList<TargetRoute> All { get; }

    public async ValueTask DisposeAsync()
    {
        foreach (var target in Targets)
        {
            await target.DisposeAsync();
        }
    }
}
