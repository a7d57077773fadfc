using SyncEngine.Observability;
using SyncEngine.Ports;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Catalog;
using SyncEngine.Postgres.Replication;

namespace SyncEngine.Server.Hosting;

/// <summary>
/// Owns the engine's loops: the stream, the schema, the change processor, the plans. They begin together and end together; one that fails
/// takes the host down, with its reason in the log.
/// </summary>
sealed partial class EngineLoops(
    ReplicationSource source,
    CatalogReader catalog,
    LiveQueryEngine engine,
    SchemaFollower schema,
    PublicationSetup publication,
    ReplicationOptions replication,
    EngineMetrics metrics,
    IHostApplicationLifetime lifetime,
    ILogger<EngineLoops> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        metrics.Gauge("sync_slot_lag_bytes", "WAL written that the stream has not delivered.", () => source.Status.LagBytes);
        metrics.Gauge("sync_slot_retained_bytes", "WAL that the server keeps for the slot.", () => source.Status.RetainedBytes);
        metrics.Gauge("sync_cut", "The position of the stream, in bytes.", () => engine.Position.Value);
        engine.RegisterGauges();
        engine.Mismatch += (query, added, updated, removed) => Log.Mismatch(logger, query, added, updated, removed);
        schema.RefreshFailed += failure => Log.RefreshFailed(logger, failure.Message);
        await catalog.RefreshAsync(stoppingToken);
        var publishWanted = System.Threading.Channels.Channel.CreateBounded<bool>(
            new System.Threading.Channels.BoundedChannelOptions(1) { FullMode = System.Threading.Channels.BoundedChannelFullMode.DropWrite });
        if (replication.Publish == PublishMode.Auto)
        {
            catalog.Changed += _ => publishWanted.Writer.TryWrite(true);
        }

        Task[] loops =
        [
            source.RunAsync(stoppingToken),
            catalog.RunAsync(stoppingToken),
            engine.RunAsync(stoppingToken),
            schema.RunAsync(stoppingToken),
            PublishAsync(publishWanted.Reader, stoppingToken),
        ];
        var ended = await Task.WhenAny(loops);
        if (!stoppingToken.IsCancellationRequested)
        {
            Log.LoopEnded(logger, ended.Exception?.GetBaseException());
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }

        try
        {
            await Task.WhenAll(loops);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The ordinary end.
        }
    }

    /// <summary>Adds tables to the publication as they appear; never because of a subscription.</summary>
    private async Task PublishAsync(System.Threading.Channels.ChannelReader<bool> wanted, CancellationToken cancellationToken)
    {
        await foreach (var _ in wanted.ReadAllAsync(cancellationToken))
        {
            try
            {
                var change = await publication.AddMissingTablesAsync(cancellationToken);
                if (change.Added.Count > 0)
                {
                    catalog.MarkPublished(change.Added.Select(table => table.Oid), change.StreamedAfterXid);
                    Log.Published(logger, string.Join(", ", change.Added));
                    await catalog.RefreshAsync(cancellationToken);
                }
            }
            catch (Exception failure) when (failure is Npgsql.NpgsqlException or OperatorException or SyncEngine.Errors.SyncException)
            {
                Log.NotPublished(logger, failure.Message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2001, LogLevel.Error, "a loop of the engine has ended")]
        public static partial void LoopEnded(ILogger logger, Exception? failure);

        [LoggerMessage(2002, LogLevel.Information, "added to the publication: {Tables}")]
        public static partial void Published(ILogger logger, string tables);

        [LoggerMessage(2003, LogLevel.Warning, "new tables were not added to the publication: {Reason}")]
        public static partial void NotPublished(ILogger logger, string reason);

        [LoggerMessage(2004, LogLevel.Error, "a live result differed from PostgreSQL and was mended: {Query}: {Added} added, {Updated} updated, {Removed} removed")]
        public static partial void Mismatch(ILogger logger, string query, int added, int updated, int removed);

        [LoggerMessage(2005, LogLevel.Warning, "the schema could not be read again: {Reason}")]
        public static partial void RefreshFailed(ILogger logger, string reason);
    }
}
