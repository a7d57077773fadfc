using Npgsql;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Hosting;

/// <summary>
/// Creates what the outbox needs: its tables where an option asks for them, the engine's own tables always, as far as the role may.
/// </summary>
sealed partial class OutboxPreparation(OutboxSettings settings, OutboxInstallation installation, ILogger<OutboxPreparation> logger)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (settings.Options.AutoCreate)
        {
            await TryAsync($"table {settings.Names.Outbox} with its trigger", installation.EnsureOutboxAsync, cancellationToken);
        }

        if (settings.Options.AutoCreateNodes)
        {
            await TryAsync($"table {settings.Names.Nodes}", installation.EnsureNodesAsync, cancellationToken);
        }

        await TryAsync("tables of schema sync", installation.EnsureSyncTablesAsync, cancellationToken);
    }

    private async Task TryAsync(
        string objects, Func<CancellationToken, Task<IReadOnlyList<Finding>>> ensure, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var finding in (await ensure(cancellationToken)).Where(finding => finding.Kind == FindingKind.Done))
            {
                Log.Created(logger, finding.Text);
            }
        }
        catch (PostgresException refused)
        {
            // Most often a privilege that the role lacks. The connector runs with the objects that exist.
            Log.NotCreated(logger, objects, refused.MessageText);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2402, LogLevel.Information, "outbox: {Created}")]
        public static partial void Created(ILogger logger, string created);

        [LoggerMessage(
            2403,
            LogLevel.Warning,
            "outbox: {Objects} could not be created: {Reason}; run the command \"setup\" as a role that may; "
                + "the command \"check\" lists what is missing")]
        public static partial void NotCreated(ILogger logger, string objects, string reason);
    }
}
