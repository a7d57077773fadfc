using SyncEngine.Options;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Options;

/// <summary>The rooms as services, read once and checked at start.</summary>
static partial class OptionsExtensions
{
    /// <summary>Adds the records of limits, delivery, subscriptions and queries, the named queries, and <see cref="EngineOptions"/>.</summary>
    /// <exception cref="OperatorException">A value that cannot be read, or is out of its bounds.</exception>
    public static IServiceCollection AddSyncOptions(this IServiceCollection services, IConfiguration configuration, string contentRoot)
    {
        var limits = OptionsBinder.Bind<LimitOptions>(configuration, LimitOptions.Section);
        var delivery = OptionsBinder.Bind<DeliveryOptions>(configuration, DeliveryOptions.Section);
        var subscriptions = OptionsBinder.Bind<SubscriptionOptions>(configuration, SubscriptionOptions.Section);
        var queries = OptionsBinder.Bind<QueryOptions>(configuration, QueryOptions.Section);
        return services
            .AddSingleton(limits)
            .AddSingleton(delivery)
            .AddSingleton(subscriptions)
            .AddSingleton(queries)
            .AddSingleton(NamedQueries.Load(queries, contentRoot))
            .AddSingleton(ToEngineOptions(limits, delivery, subscriptions));
    }

    /// <summary>Warns of keys under <c>SyncEngine:</c> that nothing reads.</summary>
    public static void WarnOfUnknownKeys(this IConfiguration configuration, ILogger logger)
    {
        foreach (var line in UnknownKeys.Find(configuration))
        {
            Log.UnknownKey(logger, line);
        }
    }

    public static EngineOptions ToEngineOptions(LimitOptions limits, DeliveryOptions delivery, SubscriptionOptions subscriptions) => new()
    {
        CutInterval = delivery.CutInterval,
        MaxQueuedBytes = delivery.MaxQueuedBytes,
        ChunkBytes = delivery.ChunkBytes,
        StallTimeout = delivery.StallTimeout,
        MaxHold = delivery.MaxHold,
        Unattended = subscriptions.Unattended,
        ReplayWindow = subscriptions.ReplayWindow,
        ReplayBytes = subscriptions.ReplayBytes,
        ClockInterval = subscriptions.ClockInterval,
        AuditInterval = subscriptions.AuditInterval,
        ScannedQueriesPerTable = subscriptions.ScannedQueriesPerTable,
        ConcurrentReads = limits.ConcurrentReads,
        RowsPerResult = limits.RowsPerResult,
        SubscriptionsPerPrincipal = limits.SubscriptionsPerPrincipal,
    };

    private static partial class Log
    {
        [LoggerMessage(1301, LogLevel.Warning, "{Line}")]
        public static partial void UnknownKey(ILogger logger, string line);
    }
}
