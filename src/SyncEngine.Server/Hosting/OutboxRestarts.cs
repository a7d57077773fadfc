using SyncEngine.Connectors.Outbox;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Sessions;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Hosting;

/// <summary>
/// Restarts a loop of the outbox after any failure, so that the rest of the host keeps running. Log and health have the reason.
/// </summary>
sealed partial class OutboxRestarts(OutboxSettings settings, OutboxHealth health, TimeProvider time, ILogger<OutboxRestarts> logger)
{
    private static readonly TimeSpan pause = TimeSpan.FromSeconds(5);

    /// <summary>Runs a loop until cancelled.</summary>
    public Task KeepRunningAsync(Func<CancellationToken, Task> loop, CancellationToken cancellationToken) =>
        new Retry(pause, pause, RetryClock.ForProcess(time)).ForeverAsync(loop, _ => true, Report, cancellationToken);

    private void Report(Exception failure)
    {
        var origin = settings.Address is null ? "DATABASE_URL" : settings.AddressOrigin;
        var reason = DatabaseProblem.Describe(failure, settings.Address, origin);
        if (reason is null)
        {
            Log.Failed(logger, failure);
        }
        else
        {
            Log.Unavailable(logger, reason);
        }

        health.Postgres.Down(reason ?? "the outbox has failed and restarts; the log has the reason");
    }

    private static partial class Log
    {
        [LoggerMessage(2404, LogLevel.Error, "the outbox has failed and restarts")]
        public static partial void Failed(ILogger logger, Exception failure);

        [LoggerMessage(2405, LogLevel.Warning, "the outbox restarts: {Reason}")]
        public static partial void Unavailable(ILogger logger, string reason);
    }
}
