using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Postgres.Notifications;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// The outbox, from its table to its targets: publishes each row once under one id, in order along each channel, together with any number of other processes.
/// </summary>
/// <remarks>
/// Lifecycle: <see cref="RunAsync"/> until cancelled; it mends its own connections, and a table that is missing, altered or recreated is looked for until it is
/// there. Backpressure: rows wait in their table. Stored: locks and progress in the database. After a crash: others, or the next start, send what was in work again under the same ids.
/// How it works: docs/decisions/outbox-rounds.md.
/// </remarks>
public sealed partial class OutboxConnector(
    OutboxOptions options,
    IReadOnlyList<TargetRoute> routes,
    NpgsqlDataSource database,
    NotificationListener listener,
    ICommitOrder? commitOrder,
    OutboxHealth health,
    OutboxMetrics metrics,
    TimeProvider time,
    ILoggerFactory loggers)
{
    private static readonly TimeSpan tellAgain = TimeSpan.FromMinutes(1);

    private readonly ILogger logger = loggers.CreateLogger<OutboxConnector>();
    private readonly OutboxNames names = new(options.Schema, options.Table, options.NodesSchema, options.NodesTable);
    private readonly Random random = new(HashCode.Combine(Environment.ProcessId, time.GetTimestamp()));
    private readonly WorkSignal signal = new(options, time);
    private readonly RoundMemory memory = new();
    private long toldAt;

    /// <inheritdoc cref="OutboxNode.Crash"/>
    internal CancellationToken Crash { get; init; }

    /// <summary>Runs until cancelled; then what is under way is sent to its end and this node's channels are the others'.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var listening = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var listen = options.FixedRate ? Task.CompletedTask : ListenAsync(listening.Token);
        if (commitOrder is not null && !options.FixedRate)
        {
            commitOrder.Committed += signal.Notify;
        }

        try
        {
            await LiveAsync(cancellationToken);
        }
        finally
        {
            if (commitOrder is not null)
            {
                commitOrder.Committed -= signal.Notify;
            }

            await listening.CancelAsync();
            await listen;
        }
    }

    private async Task LiveAsync(CancellationToken cancellationToken)
    {
        var pause = new Backoff(options.RetryDelay, options.HealthRefresh, random);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await using var table = await OutboxTable.OpenAsync(database, names, cancellationToken, sent => metrics.Statements.Add(sent));
                Log.Begins(logger, names.Outbox, table.Shape.Mode);
                var node = new OutboxNode(table, memory, database, options, routes, commitOrder, signal, health, metrics, time, random, logger) { Crash = Crash };
                signal.Demand();
                var began = time.GetTimestamp();
                var end = await node.RunAsync(cancellationToken);
                if (end == NodeEnd.Expelled)
                {
                    Log.Expelled(logger);
                }

                if (time.GetElapsedTime(began) > options.HealthRefresh)
                {
                    pause.Reset();
                }

                if (end != NodeEnd.Stopped && !await PausedAsync(pause.Next(), cancellationToken))
                {
                    return;
                }
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException or OutboxUnavailableException or System.Net.Sockets.SocketException)
            {
                health.CountOutboxError();
                TellUnavailable(OutboxFault.Of(failure));
                if (!await PausedAsync(pause.Next(), cancellationToken))
                {
                    return;
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                // A fault of our own: the rest of the process goes on, and the log has it.
                health.Fault = "the outbox failed unexpectedly and begins anew; the log has the details";
                Log.Failed(logger, failure);
                if (!await PausedAsync(pause.Next(), cancellationToken))
                {
                    return;
                }
            }
        }
    }

    /// <summary>Once, and then once a minute while it stays so.</summary>
    private void TellUnavailable(string reason)
    {
        if (!reason.Equals(health.Fault, StringComparison.Ordinal) || time.GetElapsedTime(toldAt) > tellAgain)
        {
            toldAt = time.GetTimestamp();
            Log.Unavailable(logger, reason);
        }

        health.Fault = reason;
    }

    /// <summary>Notifications only wake the rounds: what is lost between two connections is found by the poll that follows each batch.</summary>
    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var subscription = await listener.SubscribeAsync(OutboxNames.NotifyChannel, cancellationToken);
            if (subscription.IsListening)
            {
                Heard();
            }

            await foreach (var batch in subscription.ReadAllAsync(cancellationToken))
            {
                if (batch.Failure is { } reason)
                {
                    health.Listen.Down("not listening for the trigger's notifications at present; the outbox is polled meanwhile");
                    Log.NotListening(logger, reason);
                }
                else
                {
                    Heard();
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The outbox stops.
        }
    }

    private void Heard()
    {
        health.Listen.Up();
        signal.Notify();
    }

    private async Task<bool> PausedAsync(TimeSpan pause, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(pause, time, cancellationToken);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3301, LogLevel.Information, "publishing outbox {Outbox}, mode {Mode}")]
        public static partial void Begins(ILogger logger, string outbox, OutboxMode mode);

        [LoggerMessage(3302, LogLevel.Warning, "the outbox cannot be published at present: {Reason}")]
        public static partial void Unavailable(ILogger logger, string reason);

        [LoggerMessage(3303, LogLevel.Warning, "this node was away for longer than its expiry and begins anew")]
        public static partial void Expelled(ILogger logger);

        [LoggerMessage(3304, LogLevel.Warning, "not listening for notifications at present; the outbox is polled meanwhile: {Reason}")]
        public static partial void NotListening(ILogger logger, string reason);

        [LoggerMessage(3305, LogLevel.Error, "the outbox failed")]
        public static partial void Failed(ILogger logger, Exception failure);
    }
}
