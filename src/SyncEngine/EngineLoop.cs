using System.Diagnostics;
using System.Threading.Channels;
using SyncEngine.Changes;
using SyncEngine.Errors;
using SyncEngine.LiveQueries;
using SyncEngine.Loop;
using SyncEngine.Ports;
using SyncEngine.Subscriptions;

namespace SyncEngine;

/// <summary>
/// The one loop that owns all live state. A round runs requests and events of the source, then flushes streams and starts reads.
/// </summary>
/// <remarks>
/// Lifecycle: <see cref="RunAsync"/> until cancelled; then every stream ends with <c>shutting_down</c>.
/// Backpressure: the source's queue is bounded, so a slow loop pauses reading; streams and reads never make the loop wait.
/// Stored: nothing. After a crash results are read again, for the clients that subscribe again.
/// </remarks>
sealed class EngineLoop(EngineParts parts)
{
    private const int EventsPerRound = 256;
    private static readonly TimeSpan tickInterval = TimeSpan.FromMilliseconds(20);

    private readonly Timeline timeline = parts.Context.Timeline;
    private readonly ChannelReader<SourceEvent> events = parts.Source.Events;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(tickInterval, timeline.Time);
        var tick = timer.WaitForNextTickAsync(cancellationToken).AsTask();
        Task<bool>? request = null;
        Task<bool>? change = null;
        try
        {
            while (true)
            {
                var isTick = tick.IsCompleted;
                if (isTick)
                {
                    await tick;
                    tick = timer.WaitForNextTickAsync(cancellationToken).AsTask();
                }

                var hasMore = RunRound(isTick, cancellationToken);
                cancellationToken.ThrowIfCancellationRequested();
                if (hasMore)
                {
                    continue;
                }

                request = request is { IsCompleted: false } ? request : parts.Requests.WaitAsync(cancellationToken);
                change = parts.SchemaSignal.IsPaused ? null
                    : change is { IsCompleted: false } ? change
                    : events.WaitToReadAsync(cancellationToken).AsTask();
                await (change is null ? Task.WhenAny(request, tick) : Task.WhenAny(request, change, tick));
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            parts.Subscriptions.EndAll(SubscriptionStreams.ShuttingDown());
            await parts.Reader.WhenIdleAsync();
        }
        catch
        {
            // The host ends with the reason in its log. No client keeps rows that appear to be live.
            parts.Subscriptions.EndAll(
                new SyncException(ErrorCode.Internal, "the engine has failed", hint: "Connect again; the same cut resumes."));
            throw;
        }
        finally
        {
            parts.Requests.Complete();
        }
    }

    /// <summary>Runs one round and never waits.</summary>
    /// <returns>True when more may be waiting.</returns>
    public bool RunRound(bool isTick, CancellationToken cancellationToken)
    {
        timeline.BeginRound();
        var hasMore = parts.Requests.Drain(EventsPerRound);
        hasMore |= DrainEvents();
        if (isTick)
        {
            parts.Maintenance.Tick(cancellationToken);
        }

        parts.Answers.CheckWaiting();
        parts.Streams.FlushTouched();
        if (timeline.IsStreaming)
        {
            parts.Reader.Start(cancellationToken);
        }

        return hasMore;
    }

    private bool DrainEvents()
    {
        for (var i = 0; i < EventsPerRound; i++)
        {
            if (parts.SchemaSignal.IsPaused || !events.TryRead(out var happened))
            {
                return false;
            }

            Handle(happened);
        }

        return true;
    }

    private void Handle(SourceEvent happened)
    {
        switch (happened)
        {
            case SourceEvent.Transaction transaction:
                using (transaction.Committed)
                {
                    parts.Processor.Process(transaction.Committed);
                }

                parts.Consumers.Acknowledge(timeline.Position);
                break;
            case SourceEvent.Position reached:
                timeline.Advance(reached.Lsn);
                parts.Consumers.Acknowledge(timeline.Position);
                break;
            case SourceEvent.Message message:
                parts.Confirmations.OnMessage(message.Prefix, message.Content, timeline.Now);
                break;
            case SourceEvent.Started started:
                Start(started);
                break;
            case SourceEvent.Interrupted interrupted:
                timeline.Interrupt(interrupted.Reason);
                parts.Results.Interrupt();
                break;
            default:
                throw new UnreachableException();
        }
    }

    private void Start(SourceEvent.Started started)
    {
        timeline.Start();
        parts.Observers.OnStarted(started.IsContinuation);
        if (started.IsContinuation)
        {
            parts.Results.Continue();
            return;
        }

        var isAnotherHistory = started.From < timeline.Position;
        if (isAnotherHistory)
        {
            timeline.Rewind();
            parts.Consumers.Restart();
        }

        parts.Results.BeginEpoch(isAnotherHistory);
        var knownUpTo = timeline.Position;
        timeline.Advance(started.From);
        parts.Consumers.Acknowledge(timeline.Position);
        parts.Results.ReadAllAgain(knownUpTo);
    }
}
