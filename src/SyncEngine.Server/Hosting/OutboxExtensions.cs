using SyncEngine.Connectors.Outbox;
using SyncEngine.Observability;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Notifications;
using SyncEngine.Server.Cors;
using SyncEngine.Server.Databases;
using SyncEngine.Server.Observability;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Hosting;

/// <summary>Composes the outbox: its database, its targets, the connector, health, adbc's addresses.</summary>
static class OutboxExtensions
{
    /// <param name="databases">With an outbox.</param>
    public static void AddSyncOutbox(
        this IServiceCollection services, IConfiguration configuration, OutboxSettings settings, OpenedDatabases databases)
    {
        var options = databases.IsEmbedded ? WithEmbeddedDefaults(settings.Options, configuration) : settings.Options;
        var database = databases.Outbox ?? throw new InvalidOperationException("no database of the outbox is open");
        settings = settings with { Options = options };
        services.AddSingleton(settings);
        services.AddSingleton(options);
        services.AddSingleton(database);
        services.AddSingleton<OutboxHealth>();
        services.AddSingleton(provider => MetricsOf(provider.GetRequiredService<OutboxHealth>()));
        services.AddSingleton(new OutboxInstallation(database.DataSource, settings.Names, options.FixedRate, settings.UsesHub));
        services.AddSingleton(provider => new OutboxRoutes(settings, database, provider));
        services.AddSingleton(provider => new OutboxMonitor(
            options, database.DataSource, provider.GetRequiredService<OutboxHealth>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new OutboxConnector(
            options,
            new OutboxConnections(
                database.DataSource,
                provider.GetRequiredService<NotificationListener>(), // of the same database: channels are where the outbox is
                provider.GetRequiredService<OutboxRoutes>().All,
                database.IsMain && databases.NoStream is null ? ActivatorUtilities.CreateInstance<StreamCommitOrder>(provider) : null),
            new OutboxInstruments(provider.GetRequiredService<OutboxHealth>(), provider.GetRequiredService<OutboxMetrics>()),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton<OutboxPreparation>();
        services.AddSingleton<OutboxRestarts>();
        AddHealth(services, settings);
        services.AddHostedService<OutboxLoop>();
        AddAdbcServer(services, settings);
    }

    private static void AddHealth(IServiceCollection services, OutboxSettings settings)
    {
        services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<OutboxHealth>().Postgres);
        services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<OutboxHealth>().OutboxTable);
        services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<OutboxHealth>().NodesTable);
        services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<OutboxMonitor>().Channels);
        if (!settings.Options.FixedRate)
        {
            services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<OutboxHealth>().Listen);
        }

        foreach (var (at, _) in settings.Rules.Select(rule => rule.Target.Kind).Distinct().Index())
        {
            services.AddSingleton(provider => provider.GetRequiredService<OutboxRoutes>().Targets[at].Health);
        }
    }

    private static void AddAdbcServer(IServiceCollection services, OutboxSettings settings)
    {
        if (settings.HealthAddress is not { } address)
        {
            return;
        }

        services.AddSingleton(provider => new AdbcCompatibilityServer(
            address,
            provider.GetRequiredService<OutboxHealth>(),
            [.. provider.GetRequiredService<OutboxRoutes>().Targets.Select(target => target.Health)],
            provider.GetRequiredService<MetricsService>(),
            provider.GetRequiredService<OriginGate>()));
        services.AddHostedService(provider => provider.GetRequiredService<AdbcCompatibilityServer>());
    }

    private static OutboxMetrics MetricsOf(OutboxHealth health)
    {
        var metrics = new OutboxMetrics();
        metrics.Gauge("sync_outbox_waiting_rows", "Rows of the outbox that are not at their target yet.", () => health.Waiting);
        metrics.Gauge(
            "sync_outbox_held_channels",
            "Channels whose target refuses their next message, at most a hundred.",
            () => health.Blocked.Count);
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
