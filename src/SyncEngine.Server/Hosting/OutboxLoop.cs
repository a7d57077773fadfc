using SyncEngine.Connectors.Outbox;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Hosting;

/// <summary>
/// Owns the loops of the outbox: one creates what it needs and publishes, one monitors its tables for health. Whatever happens to its
/// database or its targets, the host keeps running.
/// </summary>
sealed partial class OutboxLoop(
    OutboxSettings settings,
    OutboxPreparation preparation,
    OutboxConnector connector,
    OutboxMonitor monitor,
    OutboxRestarts restarts,
    ILogger<OutboxLoop> logger)
    : BackgroundService
{
    /// <summary>
    /// Completed after the first preparation, successful or not: before, tables that are about to be created would be reported as missing.
    /// </summary>
    private readonly TaskCompletionSource prepared = new(TaskCreationOptions.RunContinuationsAsynchronously);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (settings.AdbcFile is { } file)
        {
            Log.AdbcFile(logger, file);
        }

        try
        {
            await Task.WhenAll(
                restarts.KeepRunningAsync(PublishAsync, stoppingToken), restarts.KeepRunningAsync(MonitorAsync, stoppingToken));
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
            await preparation.RunAsync(cancellationToken);
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

    private static partial class Log
    {
        [LoggerMessage(2401, LogLevel.Information, "the configuration of adbc was read from {File}")]
        public static partial void AdbcFile(ILogger logger, string file);
    }
}
