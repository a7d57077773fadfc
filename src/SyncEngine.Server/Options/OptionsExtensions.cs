using SyncEngine.Options;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Options;

/// <summary>Adds the rooms as services, read once and validated.</summary>
static partial class OptionsExtensions
{
    /// <summary>The rooms that hold the options of the engine itself, under the names of <see cref="EngineOptions"/>.</summary>
    public static IReadOnlyList<string> EngineSections { get; } =
        [LimitOptions.Section, DeliveryOptions.Section, SubscriptionOptions.Section];

    /// <summary>
    /// Adds the records of limits, delivery, subscriptions and queries, the named queries, and <see cref="EngineOptions"/>.
    /// </summary>
    /// <exception cref="OperatorException">A value that cannot be read, or is out of its bounds.</exception>
    public static IServiceCollection AddSyncOptions(this IServiceCollection services, IConfiguration configuration, string contentRoot)
    {
        var queries = OptionsBinder.Bind<QueryOptions>(configuration, QueryOptions.Section);
        return services
            .AddSingleton(OptionsBinder.Bind<LimitOptions>(configuration, LimitOptions.Section))
            .AddSingleton(OptionsBinder.Bind<DeliveryOptions>(configuration, DeliveryOptions.Section))
            .AddSingleton(OptionsBinder.Bind<SubscriptionOptions>(configuration, SubscriptionOptions.Section))
            .AddSingleton(queries)
            .AddSingleton(NamedQueries.Load(queries, contentRoot))
            .AddSingleton(ReadEngineOptions(configuration));
    }

    /// <summary>Binds the engine's own record to its rooms. The rooms' records have the bounds.</summary>
    public static EngineOptions ReadEngineOptions(IConfiguration configuration) =>
        OptionsBinder.BindAll<EngineOptions>(configuration, EngineSections);

    /// <summary>Warns of keys under <c>SyncEngine:</c> that nothing reads.</summary>
    public static void WarnOfUnknownKeys(this IConfiguration configuration, ILogger logger)
    {
        foreach (var line in UnknownKeys.Find(configuration))
        {
            Log.UnknownKey(logger, line);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1301, LogLevel.Warning, "{Line}")]
        public static partial void UnknownKey(ILogger logger, string line);
    }
}
