using SyncEngine.Observability;
using SyncEngine.Postgres.Replication;

namespace SyncEngine.Server.Hosting;

/// <summary>Connects the engine's positions and events to metrics and log.</summary>
sealed partial class EngineReports(
    ReplicationSource source,
    LiveQueryEngine engine,
    SchemaFollower schema,
    EngineMetrics metrics,
    ILogger<EngineReports> logger)
{
    public void Connect()
    {
        metrics.Gauge("sync_slot_lag_bytes", "WAL written that the stream has not delivered.", () => source.Status.LagBytes);
        metrics.Gauge("sync_slot_retained_bytes", "WAL that the server keeps for the slot.", () => source.Status.RetainedBytes);
        metrics.Gauge("sync_cut", "The position of the stream, in bytes.", () => engine.Position.Value);
        engine.RegisterGauges();
        engine.Mismatch += (query, added, updated, removed) => Log.Mismatch(logger, query, added, updated, removed);
        schema.RefreshFailed += failure => Log.RefreshFailed(logger, failure.Message);
    }

    private static partial class Log
    {
        [LoggerMessage(
            2004,
            LogLevel.Error,
            "a live result differed from PostgreSQL and was repaired: {Query}: {Added} added, {Updated} updated, {Removed} removed")]
        public static partial void Mismatch(ILogger logger, string query, int added, int updated, int removed);

        [LoggerMessage(2005, LogLevel.Warning, "the schema could not be read again: {Reason}")]
        public static partial void RefreshFailed(ILogger logger, string reason);
    }
}
