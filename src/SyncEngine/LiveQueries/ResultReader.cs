using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Observability;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine.LiveQueries;

/// <summary>
/// Decides which results are read from Postgres when, a few at a time: at most one read under way and one wanted per live query. Owned by
/// the change processor; the answers come back to it through <paramref name="post"/>.
/// </summary>
sealed class ResultReader(
    ISnapshotReader reader,
    CommitLog log,
    EngineOptions options,
    EngineMetrics metrics,
    TimeProvider time,
    Action<Action> post,
    Action<LiveQuery> answered)
{
    // A requery known to answer faster than this may share a snapshot with others; a slow one would make them wait.
    private static readonly TimeSpan quick = TimeSpan.FromMilliseconds(5);

    private readonly LinkedList<LiveQuery> wanted = [];
    private readonly HashSet<Task> underWay = [];

    public int WantedCount => wanted.Count;

    public void Want(LiveQuery query)
    {
        if (!query.IsReadWanted)
        {
            query.IsReadWanted = true;
            wanted.AddLast(query);
        }
    }

    /// <summary>Starts what may start now. <paramref name="position"/> is what the stream has delivered.</summary>
    public void Start(Lsn position, DateTimeOffset now, CancellationToken cancellationToken)
    {
        while (underWay.Count < options.ConcurrentReads && TakeBatch(now) is { Count: > 0 } batch)
        {
            foreach (var query in batch)
            {
                query.IsReadWanted = false;
                query.Read = new PendingRead(position, log.BeginRead()) { Plan = query.Plan };
                query.Template?.BeginRead(query);
            }

            foreach (var query in batch)
            {
                metrics.Reads.Add(1, new("mode", query.Plan.Tier.Mode), new("why", Why(query)));
            }

            var task = ReadAsync(batch, cancellationToken);
            underWay.Add(task);
            // The continuation runs on the processor's own loop.
            _ = task.ContinueWith(done => post(() => underWay.Remove(done)), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    /// <summary>Ends a read, whatever became of it.</summary>
    public void End(LiveQuery query)
    {
        if (query.Read is { } read)
        {
            log.EndRead(read.LogEntry);
            query.Read = null;
            query.Template?.EndRead(query);
        }
    }

    public void Forget(LiveQuery query)
    {
        if (query.IsReadWanted)
        {
            query.IsReadWanted = false;
            wanted.Remove(query);
        }

        End(query);
    }

    public Task WhenIdleAsync() => Task.WhenAll(underWay);

    private static string Why(LiveQuery query) => query.State is null ? "first" : query.IsBehind ? "changed" : "again";

    private List<LiveQuery> TakeBatch(DateTimeOffset now)
    {
        List<LiveQuery> batch = [];
        Principal? reader = null;
        var node = wanted.First;
        while (node is not null && batch.Count < options.ReadBatch)
        {
            var next = node.Next;
            var query = node.Value;
            if (query.CanRead && query.NotReadBefore <= now && (reader is null || IsSameReader(reader, query.Plan.Reader)))
            {
                var mayShare = query.Plan.SingleTable is not null || (query.LastReadTook > TimeSpan.Zero && query.LastReadTook < quick);
                if (batch.Count == 0 || mayShare)
                {
                    batch.Add(query);
                    wanted.Remove(node);
                    reader = query.Plan.Reader;
                }

                if (!mayShare)
                {
                    break;
                }
            }

            node = next;
        }

        return batch;
    }

    private static bool IsSameReader(Principal left, Principal right) => left.Role == right.Role && left.Claims == right.Claims;

    private async Task ReadAsync(List<LiveQuery> batch, CancellationToken cancellationToken)
    {
        // Leaves the loop at once: what follows runs beside it and touches no shared state.
        List<(LiveQuery Query, PendingRead Read)> reads = [.. batch.Select(query => (query, query.Read!))];
        SnapshotRequest[] requests =
        [
            .. batch.Select(query => new SnapshotRequest(
                query.Plan.ReadSql, query.Parameters, query.Plan.ParameterTypes, query.Plan.Tables, query.Plan.NewEncoder())),
        ];
        var principal = batch[0].Plan.Reader;
        await Task.Yield();
        var started = time.GetTimestamp();
        SnapshotRead? answer = null;
        SyncException? failure = null;
        try
        {
            answer = await reader.ReadAsync(requests, principal, cancellationToken);
        }
        catch (SyncException refused)
        {
            failure = refused;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            failure = new SyncException(ErrorCode.ShuttingDown, "the engine is shutting down");
        }
        catch (Exception unexpected)
        {
            failure = new SyncException(ErrorCode.SourceUnavailable, "the read failed unexpectedly", unexpected.GetType().Name);
        }

        var took = time.GetElapsedTime(started) / batch.Count;
        post(() =>
        {
            for (var i = 0; i < reads.Count; i++)
            {
                var (query, read) = reads[i];
                if (!ReferenceEquals(query.Read, read))
                {
                    // Given up meanwhile.
                    continue;
                }

                query.LastReadTook = took;
                read.Snapshot = answer?.Snapshot;
                read.UpperBound = answer?.UpperBound ?? Lsn.Zero;
                read.Result = answer?.Results[i] ?? new SnapshotResult(null, failure);
                answered(query);
            }
        });
    }
}
