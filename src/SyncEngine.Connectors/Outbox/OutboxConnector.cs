using Microsoft.Extensions.Logging;
using SyncEngine.Postgres.Errors;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// The outbox, from its table to its targets. It publishes each row once under one id, in order along each channel, together with any
/// number of other processes.
/// </summary>
/// <remarks>
/// Lifecycle: <see cref="RunAsync"/> until cancelled. It reconnects by itself, and tries again until a table that is missing or altered is
/// there.
/// Backpressure: rows wait in their table. Stored: locks and progress in the database. After a crash others, or the next start, send what
/// was in work again under the same ids.
/// Decision: docs/decisions/outbox-rounds.md.
/// </remarks>
public sealed partial class OutboxConnector
{
    private static readonly TimeSpan logInterval = TimeSpan.FromMinutes(1);

    private readonly OutboxContext context;
    private readonly OutboxNames names;
    private readonly RoundMemory memory = new();
    private long loggedAt;

    public OutboxConnector(
        OutboxOptions options, OutboxConnections connections, OutboxInstruments instruments, TimeProvider time, ILoggerFactory loggers)
    {
        context = new OutboxContext(
            options, connections, instruments,
            new WorkSignal(options, time), RetryClock.ForProcess(time), loggers.CreateLogger<OutboxConnector>());
        names = new OutboxNames(options.Schema, options.Table, options.NodesSchema, options.NodesTable);
    }

    /// <inheritdoc cref="OutboxNode.Crash"/>
    internal CancellationToken Crash { get; init; }

    /// <summary>Runs until cancelled. Then it sends what is under way to its end, and leaves this node's channels to the others.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var listening = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var listen = context.Options.FixedRate ? Task.CompletedTask : ListenAsync(listening.Token);
        var order = context.Options.FixedRate ? null : context.Connections.CommitOrder;
        if (order is not null)
        {
            order.Committed += context.Signal.Notify;
        }

        try
        {
            await PublishAsync(cancellationToken);
        }
        finally
        {
            if (order is not null)
            {
                order.Committed -= context.Signal.Notify;
            }

            await listening.CancelAsync();
            await listen;
        }
    }

    private async Task PublishAsync(CancellationToken cancellationToken)
    {
        var options = context.Options;
        var retry = new Retry(options.RetryDelay, options.HealthRefresh, context.Clock) { RecoveredAfter = options.HealthRefresh };
        try
        {
            await retry.ForeverAsync(LiveAsync, failure => failure is not OperationCanceledException, OnFailure, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped, as asked.
        }
    }

    /// <summary>One life of a node.</summary>
    private async Task LiveAsync(CancellationToken cancellationToken)
    {
        await using var table = await OutboxTable.OpenAsync(
            context.Connections.Database, names, cancellationToken, sent => context.Metrics.Statements.Add(sent));
        Log.Begins(context.Logger, names.Outbox, table.Shape.Mode);
        context.Signal.Demand();
        if (await new OutboxNode(context, table, memory) { Crash = Crash }.RunAsync(cancellationToken) == NodeEnd.Expelled)
        {
            Log.Expelled(context.Logger);
        }
    }

    private void OnFailure(Exception failure)
    {
        if (DatabaseFailure.IsOfDatabase(failure) || failure is OutboxUnavailableException)
        {
            context.Health.CountOutboxError();
            ReportUnavailable(OutboxFault.Of(failure));
        }
        else
        {
            // A fault of the engine's own: the rest of the process goes on, and the log has it.
            context.Health.Fault = "the outbox failed unexpectedly and starts again; the log has the details";
            Log.Failed(context.Logger, failure);
        }
    }

    /// <summary>Logs a reason once, and again each minute while it lasts.</summary>
    private void ReportUnavailable(string reason)
    {
        if (!reason.Equals(context.Health.Fault, StringComparison.Ordinal) || context.Time.GetElapsedTime(loggedAt) > logInterval)
        {
            loggedAt = context.Time.GetTimestamp();
            Log.Unavailable(context.Logger, reason);
        }

        context.Health.Fault = reason;
    }

    /// <summary>Notifications only wake the rounds: a poll finds what was lost between two connections.</summary>
    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var subscription = await context.Connections.Listener.SubscribeAsync(OutboxNames.NotifyChannel, cancellationToken);
            if (subscription.IsListening)
            {
                OnNotified();
            }

            await foreach (var batch in subscription.ReadAllAsync(cancellationToken))
            {
                if (batch.Failure is { } reason)
                {
                    context.Health.Listen.Down("the trigger's notifications are not received; the outbox is polled meanwhile");
                    Log.NotListening(context.Logger, reason);
                }
                else
                {
                    OnNotified();
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped, as asked.
        }
    }

    private void OnNotified()
    {
        context.Health.Listen.Up();
        context.Signal.Notify();
    }

    private static partial class Log
    {
        [LoggerMessage(3301, LogLevel.Information, "publishing outbox {Outbox}, mode {Mode}")]
        public static partial void Begins(ILogger logger, string outbox, OutboxMode mode);

        [LoggerMessage(3302, LogLevel.Warning, "the outbox cannot be published now: {Reason}")]
        public static partial void Unavailable(ILogger logger, string reason);

        [LoggerMessage(3303, LogLevel.Warning, "this node could not confirm its registration within its expiry, and starts again")]
        public static partial void Expelled(ILogger logger);

        [LoggerMessage(3304, LogLevel.Warning, "notifications are not received; the outbox is polled meanwhile: {Reason}")]
        public static partial void NotListening(ILogger logger, string reason);

        [LoggerMessage(3305, LogLevel.Error, "the outbox failed")]
        public static partial void Failed(ILogger logger, Exception failure);
    }
}
