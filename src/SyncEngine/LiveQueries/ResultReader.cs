using SyncEngine.Changes;
using SyncEngine.Errors;
using SyncEngine.Loop;
using SyncEngine.Permissions;
using SyncEngine.Ports;

namespace SyncEngine.LiveQueries;

/// <summary>Reads results from PostgreSQL, a few at a time: at most one read under way and one wanted per live query.</summary>
/// <remarks>
/// Lifecycle: reads run beside the loop and touch nothing that the loop owns; their answers come back through <paramref name="requests"/>.
/// Bounded by <c>ConcurrentReads</c>. <see cref="WhenIdleAsync"/> waits for the last one.
/// </remarks>
sealed class ResultReader(EngineContext context, ISnapshotReader snapshots, LoopQueue requests, ReadQueue queue, LiveQueryUpdater updater)
{
    private readonly List<Task> tasks = [];
    private int underWay;
    private bool isTrimming;

    /// <summary>Raised on the loop when <see cref="LiveQuery.Read"/> has the answer to a query's read.</summary>
    public event Action<LiveQuery>? Answered;

    /// <summary>Starts the reads that may start now.</summary>
    public void Start(CancellationToken cancellationToken)
    {
        tasks.RemoveAll(task => task.IsCompleted);
        while (underWay < context.Options.ConcurrentReads
            && queue.Take(context.Options.ReadBatch, context.Timeline.Now) is { Count: > 0 } batch)
        {
            foreach (var query in batch)
            {
                context.Metrics.Reads.Add(1, new("mode", query.Plan.Tier.Mode), new("why", ReasonOf(query)));
                query.Read = new PendingRead(context.Timeline.Position, context.Timeline.Commits.BeginRead(), query.Plan);
                query.Result.BeginRead();
                updater.Raise(query, LiveQueryEvent.ReadStarted);
            }

            underWay++;
            tasks.Add(ReadAsync(batch, cancellationToken));
        }
    }

    /// <summary>Takes a snapshot without rows, so that the commit log can be trimmed while nothing is read. At most one at a time.</summary>
    public void TrimCommits(CancellationToken cancellationToken)
    {
        if (!isTrimming)
        {
            isTrimming = true;
            tasks.Add(TrimAsync(context.Timeline.Commits.BeginRead(), cancellationToken));
        }
    }

    public Task WhenIdleAsync() => Task.WhenAll(tasks);

    private static string ReasonOf(LiveQuery query) => query.State.Rows switch
    {
        RowsState.Unknown => "first",
        RowsState.Behind => "changed",
        _ => "again",
    };

    private async Task ReadAsync(List<LiveQuery> batch, CancellationToken cancellationToken)
    {
        // Leaves the loop at once: it runs beside it and touches no shared state.
        List<(LiveQuery Query, PendingRead Read)> reads = [.. batch.Select(query => (query, query.Read!))];
        SnapshotRequest[] asked =
        [
            .. batch.Select(query => new SnapshotRequest(
                query.Plan.ReadSql, query.Parameters, query.Plan.ParameterTypes, query.Plan.Tables, query.Plan.NewEncoder())),
        ];
        var principal = batch[0].Plan.Reader;
        await Task.Yield();
        var started = context.Timeline.Time.GetTimestamp();
        var (answer, failure) = await AskAsync(asked, principal, cancellationToken);
        var duration = context.Timeline.Time.GetElapsedTime(started) / batch.Count;
        requests.Post(() =>
        {
            underWay--;
            for (var i = 0; i < reads.Count; i++)
            {
                var (query, read) = reads[i];
                if (!ReferenceEquals(query.Read, read))
                {
                    // Cancelled meanwhile.
                    continue;
                }

                query.LastReadDuration = duration;
                read.Snapshot = answer?.Snapshot;
                read.UpperBound = answer?.UpperBound ?? Lsn.Zero;
                read.Result = answer?.Results[i] ?? new SnapshotResult(null, failure);
                Answered?.Invoke(query);
            }
        });
    }

    private async Task<(SnapshotRead? Answer, SyncException? Failure)> AskAsync(
        SnapshotRequest[] asked, Principal principal, CancellationToken cancellationToken)
    {
        try
        {
            return (await snapshots.ReadAsync(asked, principal, cancellationToken), null);
        }
        catch (SyncException refused)
        {
            return (null, refused);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return (null, new SyncException(ErrorCode.ShuttingDown, "the engine is shutting down"));
        }
        catch (Exception unexpected)
        {
            return (null, new SyncException(ErrorCode.SourceUnavailable, "the read failed unexpectedly", unexpected.GetType().Name));
        }
    }

    private async Task TrimAsync(LinkedListNode<long> read, CancellationToken cancellationToken)
    {
        await Task.Yield();
        var (answer, _) = await AskAsync([], Principal.Engine, cancellationToken);
        // Without an answer the next round of maintenance tries again.
        requests.Post(() =>
        {
            if (answer is not null)
            {
                context.Timeline.Commits.MarkSeen(answer.Snapshot);
            }

            context.Timeline.Commits.EndRead(read);
            isTrimming = false;
        });
    }
}
