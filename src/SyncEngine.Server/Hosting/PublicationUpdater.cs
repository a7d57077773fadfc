using System.Threading.Channels;
using SyncEngine.Errors;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Catalog;
using SyncEngine.Postgres.Errors;

namespace SyncEngine.Server.Hosting;

/// <summary>Adds tables to the publication as they appear; never because of a subscription.</summary>
sealed partial class PublicationUpdater(
    PublicationSetup publication, ReplicationOptions options, CatalogReader catalog, ILogger<PublicationUpdater> logger)
{
    /// <summary>
    /// Updates the publication after each change of the schema, until cancelled. With <see cref="PublishMode.Fixed"/> it only waits.
    /// </summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // Several changes of the schema cause one update together.
        var wanted = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        if (options.Publish == PublishMode.Auto)
        {
            catalog.Changed += _ => wanted.Writer.TryWrite(true);
        }

        await foreach (var _ in wanted.Reader.ReadAllAsync(cancellationToken))
        {
            await UpdateAsync(cancellationToken);
        }
    }

    private async Task UpdateAsync(CancellationToken cancellationToken)
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
        catch (Exception failure) when (DatabaseFailure.IsOfDatabase(failure) || failure is OperatorException or SyncException)
        {
            Log.NotPublished(logger, failure.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2002, LogLevel.Information, "added to the publication: {Tables}")]
        public static partial void Published(ILogger logger, string tables);

        [LoggerMessage(2003, LogLevel.Warning, "new tables were not added to the publication: {Reason}")]
        public static partial void NotPublished(ILogger logger, string reason);
    }
}
