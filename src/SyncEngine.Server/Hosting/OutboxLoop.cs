using Npgsql;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Hosting;

/// <summary>
/// Owns the loops of the outbox: what it needs is made, then it is published and monitored. Whatever becomes of its database or its targets, the host runs on:
/// a loop that fails begins again, and health says why.
/// </summary>
sealed partial class OutboxLoop(
    OutboxSettings settings, OutboxInstallation installation, OutboxConnector connector, OutboxMonitor monitor, OutboxHealth health, TimeProvider time, ILogger<OutboxLoop> logger)
    : BackgroundService
{
    private static readonly TimeSpan pause = TimeSpan.FromSeconds(5);

    /// <summary>What can be made has been made, or could not: before, a check would miss tables that are about to be made.</summary>
    private readonly TaskCompletionSource prepared = new(TaskCreationOptions.RunContinuationsAsynchronously);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (settings.AdbcFile is { } file)
        {
            Log.AdbcFile(logger, file);
        }

        try
        {
            await Task.WhenAll(KeepAsync(PublishAsync, stoppingToken), KeepAsync(MonitorAsync, stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The ordinary end.
        }
    }

    private async Task PublishAsync(CancellationToken cancellationToken)
    {
        try
        {
            await PrepareAsync(cancellationToken);
        }
        finally
        {
            prepared.TrySetResult();
        }

        await connector.RunAsync(cancellationToken);
    }

    private async Task MonitorAsync(CancellationToken cancellationToken)
    {
        await prepared.Task.WaitAsync(cancellationToken);
        await monitor.RunAsync(cancellationToken);
    }

    /// <summary>Tables by option; what the engine remembers beside them always, where the role may.</summary>
    private async Task PrepareAsync(CancellationToken cancellationToken)
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

    private async Task TryAsync(string what, Func<CancellationToken, Task<IReadOnlyList<Finding>>> ensure, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var finding in (await ensure(cancellationToken)).Where(finding => finding.Kind == FindingKind.Done))
            {
                Log.Made(logger, finding.Text);
            }
        }
        catch (PostgresException refused)
        {
            // Most often a privilege that the role lacks. The connector does with what is there.
            Log.NotMade(logger, what, refused.MessageText);
        }
    }

    private async Task KeepAsync(Func<CancellationToken, Task> run, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await run(cancellationToken);
            }
            catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
            {
                var reason = DatabaseProblem.Describe(failure, settings.Address, settings.Address is null ? "DATABASE_URL" : settings.AddressOrigin);
                if (reason is null)
                {
                    Log.Failed(logger, failure);
                }
                else
                {
                    Log.Unavailable(logger, reason);
                }

                health.Postgres.Down(reason ?? "the outbox has failed and begins again; the log says why");
            }

            await Task.Delay(pause, time, cancellationToken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2401, LogLevel.Information, "the configuration of adbc was read from {File}")]
        public static partial void AdbcFile(ILogger logger, string file);

        [LoggerMessage(2402, LogLevel.Information, "outbox: {Made}")]
        public static partial void Made(ILogger logger, string made);

        [LoggerMessage(2403, LogLevel.Warning, "outbox: {What} could not be made: {Reason}; run the command \"setup\" as a role that may; the command \"check\" says what is missing")]
        public static partial void NotMade(ILogger logger, string what, string reason);

        [LoggerMessage(2404, LogLevel.Error, "the outbox has failed and begins again")]
        public static partial void Failed(ILogger logger, Exception failure);

        [LoggerMessage(2405, LogLevel.Warning, "the outbox begins again: {Reason}")]
        public static partial void Unavailable(ILogger logger, string reason);
    }
}
