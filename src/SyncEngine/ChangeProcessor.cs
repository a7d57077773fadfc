using System.Threading.Channels;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Observability;
using SyncEngine.Ports;
using SyncEngine.LiveQueries;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine;

/// <summary>
/// The path of a change, top to bottom, and the only owner of everything live: one loop takes committed transactions in commit order, tells
/// the live queries, and lets streams have what they may be told.
/// </summary>
/// <remarks>
/// Lifecycle: <see cref="RunAsync"/> until cancelled. Requests come in through <see cref="InvokeAsync{T}"/> and run between transactions.
/// Backpressure: the source's queue is bounded, so a slow loop pauses reading; streams and reads never make the loop wait.
/// Stored: nothing. After a crash: results are read again by whoever subscribes again.
/// </remarks>
public sealed partial class ChangeProcessor : IAsyncDisposable
{
    private const int EventsPerRound = 256;
    private static readonly TimeSpan tickInterval = TimeSpan.FromMilliseconds(20);

    private readonly IChangeSource source;
    private readonly ISnapshotReader snapshots;
    private readonly EngineOptions options;
    private readonly EngineMetrics metrics;
    private readonly TimeProvider time;
    private readonly Channel<Action> requests;
    private readonly CommitLog log = new();
    private readonly RelationMap relations = new();
    private readonly TransactionStep step = new();
    private readonly LiveQuerySet queries;
    private readonly StreamSet streams;
    private readonly ReplaySet replays;
    private readonly Acknowledgements acknowledgements = new();
    private readonly ResultReader reader;
    private readonly List<LiveQuery> awaitingPosition = [];
    private readonly CancellationTokenSource stopping = new();
    private IInsertObserver? observer;
    private Lsn position;
    private bool hasStarted;
    private string? interruption;
    private bool isPaused;
    private DateTimeOffset now;
    private DateTimeOffset lastTransactionAt;
    private DateTimeOffset lastHousekeepingAt;
    private DateTimeOffset lastAuditAt;
    private DateTimeOffset lastClockAt;

    public ChangeProcessor(IChangeSource source, ISnapshotReader snapshots, EngineOptions options, EngineMetrics metrics, TimeProvider time)
    {
        this.source = source;
        this.snapshots = snapshots;
        this.options = options;
        this.metrics = metrics;
        this.time = time;
        // Bounded by waiting: whoever asks waits for room.
        requests = Channel.CreateBounded<Action>(new BoundedChannelOptions(65_536) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
        queries = new LiveQuerySet(source, relations, options);
        streams = new StreamSet(options, metrics);
        replays = new ReplaySet(options.ReplayWindow, options.ReplayTotalBytes);
        reader = new ResultReader(snapshots, log, options, metrics, time, Post, OnAnswered);
        now = time.GetUtcNow();
    }

    /// <summary>A DDL message passed: the loop stands still until <see cref="ResumeAfterSchemaChangeAsync"/>.</summary>
    public event Action? SchemaMessage;

    /// <summary>A live query's own read found that its plan no longer holds.</summary>
    public event Action? SchemaDoubt;

    /// <summary>What the stream has delivered; read from any thread.</summary>
    public Lsn Position => new(Volatile.Read(ref publishedPosition));

    private ulong publishedPosition;

    public bool IsStreaming => Volatile.Read(ref interruption) is null && Volatile.Read(ref hasStarted);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping.Token);
        var token = linked.Token;
        using var timer = new PeriodicTimer(tickInterval, time);
        var tick = timer.WaitForNextTickAsync(token).AsTask();
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
                    tick = timer.WaitForNextTickAsync(token).AsTask();
                }

                var more = RunRound(isTick, token);
                token.ThrowIfCancellationRequested();
                if (more)
                {
                    continue;
                }

                request = Renew(request, requests.Reader, token);
                change = isPaused ? null : Renew(change, source.Events, token);
                await (change is null ? Task.WhenAny(request, tick) : Task.WhenAny(request, change, tick));
            }
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            EndStreams(Leaving());
            await reader.WhenIdleAsync();
        }
        catch
        {
            // The host ends with the reason in its log; nobody is left with rows that look live.
            EndStreams(new SyncException(ErrorCode.Internal, "the engine has failed", hint: "Connect again; the same cut resumes."));
            throw;
        }
        finally
        {
            // What came too late is still answered: streams are closed, the rest finds nothing to do.
            requests.Writer.TryComplete();
            while (requests.Reader.TryRead(out var late))
            {
                late();
            }
        }
    }

    /// <summary>One round of the loop: takes of what waits, then lets streams and reads go on. Never waits. True when more may be waiting.</summary>
    internal bool RunRound(bool isTick, CancellationToken cancellationToken)
    {
        now = time.GetUtcNow();
        var more = DrainRequests();
        more |= !isPaused && DrainSource();
        if (isTick)
        {
            Tick();
        }

        CheckAwaitingPosition();
        streams.FlushTouched(position, now);
        if (IsStreaming)
        {
            reader.Start(position, now, cancellationToken);
        }

        return more;
    }

    /// <summary>Tells an observer the inserts of a relation from some moment after this call on; one observer, the last that asked.</summary>
    public Task ObserveAsync(uint relationOid, IInsertObserver newObserver, CancellationToken cancellationToken) => InvokeAsync(
        () =>
        {
            observer = newObserver;
            queries.ObservedRelation = relationOid;
            newObserver.OnStarted(isContinuation: false);
            return true;
        },
        cancellationToken);

    /// <summary>Runs something on the loop and returns its result.</summary>
    internal async Task<T> InvokeAsync<T>(Func<T> action, CancellationToken cancellationToken)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            await requests.Writer.WriteAsync(
                () =>
                {
                    try
                    {
                        done.TrySetResult(action());
                    }
                    catch (Exception failure)
                    {
                        done.TrySetException(failure);
                    }
                },
                cancellationToken);
        }
        catch (ChannelClosedException)
        {
            throw new SyncException(ErrorCode.ShuttingDown, "the engine is shutting down");
        }

        return await done.Task.WaitAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        stopping.Dispose();
    }

    /// <summary>From tasks of the engine's own; they are few, so that waiting for room is no danger.</summary>
    private void Post(Action action)
    {
        if (!requests.Writer.TryWrite(action))
        {
            _ = requests.Writer.WriteAsync(action).AsTask().ContinueWith(
                _ => { }, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        }
    }

    private static Task<bool> Renew<T>(Task<bool>? waiting, ChannelReader<T> channel, CancellationToken cancellationToken) =>
        waiting is { IsCompleted: false } ? waiting : channel.WaitToReadAsync(cancellationToken).AsTask();

    private bool DrainRequests()
    {
        for (var i = 0; i < EventsPerRound; i++)
        {
            if (!requests.Reader.TryRead(out var request))
            {
                return false;
            }

            request();
        }

        return true;
    }

    private bool DrainSource()
    {
        for (var i = 0; i < EventsPerRound && !isPaused; i++)
        {
            if (!source.Events.TryRead(out var happened))
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
                    Process(transaction.Committed);
                }

                break;
            case SourceEvent.Position reached:
                Advance(reached.Lsn);
                break;
            case SourceEvent.Message message:
                acknowledgements.OnMessage(message.Prefix, message.Content, now);
                break;
            case SourceEvent.Started started:
                Begin(started);
                break;
            case SourceEvent.Interrupted interrupted:
                Interrupt(interrupted.Reason);
                break;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private void Process(CommittedTransaction transaction)
    {
        metrics.Transactions.Add(1);
        lastTransactionAt = now;
        log.Record(new Commit(transaction.Xid, transaction.EndLsn, transaction.Touched, transaction.WatchVersion));
        var before = position;
        var hasDdl = false;
        var hasObserved = false;
        long changes = 0;
        foreach (var chunk in transaction.Chunks)
        {
            var reading = new ChangeReader(chunk.Span, relations);
            while (reading.Read())
            {
                changes++;
                switch (reading.Kind)
                {
                    case ChangeKind.Insert or ChangeKind.Update or ChangeKind.Delete:
                        queries.MatcherOf(reading.RelationOid)?.Process(reading, step);
                        if (reading.Kind == ChangeKind.Insert && reading.RelationOid == queries.ObservedRelation)
                        {
                            observer!.OnInserted(reading.Relation, reading.New);
                            hasObserved = true;
                        }

                        break;
                    case ChangeKind.Truncate:
                        var truncate = reading.Truncate;
                        for (var i = 0; i < truncate.Count; i++)
                        {
                            queries.MatcherOf(truncate[i])?.Truncate(step);
                        }

                        break;
                    case ChangeKind.Relation:
                        Rebind(reading.Relation);
                        break;
                    case ChangeKind.Message:
                        hasDdl |= OnTransactionalMessage(reading.Message, transaction.EndLsn);
                        break;
                }
            }
        }

        metrics.Changes.Add(changes);
        foreach (var query in step.Touched)
        {
            Settle(query, query.Pending!, transaction, before);
        }

        step.End();
        foreach (var table in transaction.Touched)
        {
            foreach (var query in queries.RequeriesOf(table))
            {
                FallBehind(query, before, transaction);
            }
        }

        if (transaction.Touched.Count > 0)
        {
            foreach (var query in queries.ReadingAnything)
            {
                FallBehind(query, before, transaction);
            }
        }

        Advance(transaction.EndLsn);
        if (hasObserved)
        {
            observer!.OnCommitted();
        }

        if (hasDdl)
        {
            Pause();
        }
    }

    /// <summary>What one transaction did to one incremental query: a diff, or a reason to read it again.</summary>
    private void Settle(LiveQuery query, PendingChanges pending, CommittedTransaction transaction, Lsn before)
    {
        query.Read?.Changes.Add((transaction.Xid, pending));
        if (query.State is null || query.IsBehind)
        {
            return;
        }

        if (pending.IsUndecidable)
        {
            FallBehind(query, before, transaction);
            return;
        }

        var diff = query.State.Apply(pending);
        if (diff.IsEmpty)
        {
            return;
        }

        KeepHolders(query, diff);
        if (query.State.Count > options.RowsPerResult)
        {
            End(query, TooLarge());
            return;
        }

        Publish(query, diff, transaction.EndLsn, transaction.CommitTimeMicroseconds, transaction.Xid);
    }

    /// <summary>The stream has told that the query's rows may have changed, but not how. <paramref name="before"/> is the last cut at which they are known.</summary>
    private void FallBehind(LiveQuery query, Lsn before, CommittedTransaction? transaction = null)
    {
        if (transaction is not null)
        {
            query.LastTouch = (transaction.EndLsn, transaction.CommitTimeMicroseconds, transaction.Xid);
        }

        if (query.State is not null && !query.IsBehind)
        {
            SetBehind(query, true);
            query.Progress = before;
            query.BehindSince = now;
        }

        if (query.Attachments.Count > 0)
        {
            reader.Want(query);
        }
    }

    private void SetBehind(LiveQuery query, bool isBehind)
    {
        query.IsBehind = isBehind;
        if (isBehind && query.Attachments.Count > 0)
        {
            streams.Behind.Add(query);
        }
        else
        {
            streams.Behind.Remove(query);
        }
    }

    private void Advance(Lsn reached)
    {
        if (reached > position)
        {
            position = reached;
            Volatile.Write(ref publishedPosition, reached.Value);
            source.Acknowledge(reached);
        }
    }

    private void Rebind(Relation relation)
    {
        foreach (var template in queries.MatcherOf(relation.Oid)?.Bind(relation) ?? [])
        {
            // Its rows cannot be read from the stream any more; the schema's next version says what becomes of it.
            foreach (var query in template.Queries)
            {
                step.Touch(query).IsUndecidable = true;
            }

            SchemaDoubt?.Invoke();
        }
    }

    private bool OnTransactionalMessage(scoped in Changes.PgOutput.LogicalMessage message, Lsn cut)
    {
        acknowledgements.OnTransactionalMessage(message.Prefix, message.Content, cut, now);
        return message.Prefix.SequenceEqual("sync.ddl"u8);
    }

    private void KeepHolders(LiveQuery query, RowDiff diff)
    {
        if (query.Template is not { } template)
        {
            return;
        }

        foreach (var row in diff.Added)
        {
            template.Hold(row.Key, query);
        }

        foreach (var key in diff.Removed)
        {
            template.Release(key, query);
        }
    }

    private void Publish(LiveQuery query, RowDiff diff, Lsn cut, long? commitTimeMicroseconds, ulong? xid)
    {
        metrics.Diffs.Add(1);
        var frames = FrameBody.OfDiff(diff, cut, commitTimeMicroseconds, xid, options.ChunkBytes);
        replays.Add(query.Replay, now, cut, frames);
        foreach (var attachment in query.Attachments)
        {
            if (attachment.State == AttachmentState.Live)
            {
                foreach (var frame in frames)
                {
                    streams.Send(attachment, frame);
                }
            }
        }
    }

    private SyncException TooLarge() =>
        new(ErrorCode.ResultTooLarge, $"the result has more than {options.RowsPerResult} rows", hint: "Narrow the query, or raise SyncEngine:Limits:RowsPerResult.");
}
