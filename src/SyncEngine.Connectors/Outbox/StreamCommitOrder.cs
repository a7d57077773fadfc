using System.Buffers.Text;
using SyncEngine.Changes;
using SyncEngine.Ports;

namespace SyncEngine.Connectors.Outbox;

/// <summary>The commit order of outbox rows, from the stream of changes. It remembers the last <see cref="Remembered"/> rows.</summary>
/// <remarks>
/// The stream reports nothing when the outbox is in another database or not in the publication. Then the epoch is null, and nothing waits.
/// </remarks>
public sealed class StreamCommitOrder(LiveQueryEngine engine) : ICommitOrder, IInsertObserver
{
    private const int Remembered = 100_000;

    private readonly Lock access = new(); // written by the engine's loop, read by the connector's
    private readonly Dictionary<long, long> places = [];
    private readonly Queue<long> ages = new();
    private readonly ColumnSlice[] slices = new ColumnSlice[1_664];
    private TaskCompletionSource reported = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long epoch;
    private long place;
    private bool isReported;

    public event Action? Committed;

    public long? Epoch
    {
        get
        {
            lock (access)
            {
                return isReported ? epoch : null;
            }
        }
    }

    public Task FollowAsync(uint relationOid, CancellationToken cancellationToken) =>
        engine.ObserveAsync(relationOid, this, cancellationToken);

    public long? PlaceOf(long sequenceId)
    {
        lock (access)
        {
            return places.TryGetValue(sequenceId, out var known) ? known : null;
        }
    }

    public async Task WaitForAsync(
        IReadOnlyCollection<long> sequenceIds, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            Task next;
            lock (access)
            {
                if (!isReported || sequenceIds.All(places.ContainsKey))
                {
                    return;
                }

                next = reported.Task;
            }

            try
            {
                var left = timeout - time.GetElapsedTime(began);
                await next.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, cancellationToken);
            }
            catch (TimeoutException)
            {
                lock (access)
                {
                    // None of the rows was reported: the table is not in the publication any more.
                    isReported &= sequenceIds.Any(places.ContainsKey);
                }

                return;
            }
        }
    }

    void IInsertObserver.OnStarted(bool isContinuation)
    {
        lock (access)
        {
            if (!isContinuation)
            {
                epoch++;
                isReported = false;
                places.Clear();
                ages.Clear();
            }
        }
    }

    void IInsertObserver.OnInserted(Relation relation, TupleData row)
    {
        var column = IndexOfId(relation);
        if (column < 0 || row.ColumnCount > slices.Length)
        {
            return;
        }

        row.Locate(slices);
        if (!Utf8Parser.TryParse(row.Text(slices[column]), out long id, out _))
        {
            return;
        }

        lock (access)
        {
            // A recreated table may use an id again. The place is then that of the new row.
            if (places.TryAdd(id, place))
            {
                ages.Enqueue(id);
            }

            places[id] = place;
            while (ages.Count > Remembered)
            {
                places.Remove(ages.Dequeue());
            }
        }
    }

    void IInsertObserver.OnCommitted()
    {
        lock (access)
        {
            place++;
            isReported = true;
            reported.TrySetResult();
            reported = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        Committed?.Invoke();
    }

    private static int IndexOfId(Relation relation)
    {
        for (var i = 0; i < relation.Columns.Length; i++)
        {
            if (relation.Columns[i].Name.Equals("sequence_id", StringComparison.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }
}
