using System.Threading.Channels;
using SyncEngine.Changes;

namespace SyncEngine.Subscriptions;

/// <summary>
/// The frames that wait for one connection. The change processor offers, the connection takes; nobody waits for a slow connection.
/// </summary>
/// <remarks>
/// Backpressure: past <paramref name="maxBytes"/> the diffs are merged to one net diff per subscription, labelled with the last cut; what is
/// still too much makes <see cref="Offer"/> answer with the subscriptions to reset. Snapshot chunks are shared by all who get them and do not count.
/// </remarks>
public sealed class FrameQueue(int maxBytes)
{
    // Guards everything below: one thread offers, another takes.
    private readonly Lock gate = new();
    private readonly Channel<bool> signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private Queue<Frame> frames = new();
    private long countedBytes;
    private bool isComplete;

    /// <summary>Bytes waiting, snapshots left out.</summary>
    public long CountedBytes => Volatile.Read(ref countedBytes);

    /// <summary>Rises with every frame taken; a queue that is not empty and does not move has a stalled client.</summary>
    public long TakenCount { get; private set; }

    public bool IsEmpty
    {
        get
        {
            lock (gate)
            {
                return frames.Count == 0;
            }
        }
    }

    /// <summary>Appends frames. Returns the subscriptions whose frames did not fit and were dropped: each needs a reset and a new snapshot.</summary>
    internal IReadOnlyCollection<string> Offer(IReadOnlyList<Frame> offered, Func<string, RowDiff, Lsn, FrameBody> encodeMerged)
    {
        IReadOnlyCollection<string> dropped = [];
        lock (gate)
        {
            if (isComplete)
            {
                return dropped;
            }

            foreach (var frame in offered)
            {
                frames.Enqueue(frame);
                countedBytes += CountedLength(frame);
            }

            if (countedBytes > maxBytes)
            {
                dropped = Shrink(encodeMerged);
            }
        }

        signal.Writer.TryWrite(true);
        return dropped;
    }

    /// <summary>Ends the queue: what waits may still be taken, nothing more is accepted.</summary>
    public void Complete()
    {
        lock (gate)
        {
            isComplete = true;
        }

        signal.Writer.TryWrite(true);
    }

    /// <summary>Forgets what waits and ends the queue.</summary>
    public void Abandon()
    {
        lock (gate)
        {
            frames.Clear();
            countedBytes = 0;
            isComplete = true;
        }

        signal.Writer.TryWrite(true);
    }

    /// <summary>Takes the frames one by one until the queue is completed and empty.</summary>
    public async IAsyncEnumerable<Frame> ReadAllAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var batch in ReadBatchesAsync(maxBatchBytes: 1, cancellationToken))
        {
            yield return batch[0];
        }
    }

    /// <summary>Takes what waits, at least one frame and no more than fit the bytes, until the queue is completed and empty.</summary>
    public async IAsyncEnumerable<Frame[]> ReadBatchesAsync(int maxBatchBytes, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            while (TakeBatch(maxBatchBytes) is { Length: > 0 } batch)
            {
                yield return batch;
            }

            lock (gate)
            {
                if (isComplete && frames.Count == 0)
                {
                    yield break;
                }
            }

            await signal.Reader.ReadAsync(cancellationToken);
        }
    }

    public bool TryTake(out Frame frame)
    {
        frame = default;
        if (TakeBatch(maxBatchBytes: 1) is not [var taken])
        {
            return false;
        }

        frame = taken;
        return true;
    }

    private Frame[] TakeBatch(int maxBatchBytes)
    {
        lock (gate)
        {
            var count = 0;
            var bytes = 0L;
            foreach (var frame in frames)
            {
                bytes += frame.Length;
                if (count > 0 && bytes > maxBatchBytes)
                {
                    break;
                }

                count++;
            }

            if (count == 0)
            {
                return [];
            }

            var batch = new Frame[count];
            for (var i = 0; i < count; i++)
            {
                batch[i] = frames.Dequeue();
                countedBytes -= CountedLength(batch[i]);
            }

            TakenCount += count;
            return batch;
        }
    }

    private static int CountedLength(in Frame frame) => frame.Body.Type == "snapshot" ? 0 : frame.Length;

    /// <summary>
    /// Merges what waits. Frames before the last one that is no plain diff or cut stay; the diffs after it become one per subscription at the last
    /// cut. A subscription whose diffs cannot be merged (ordered, or in parts), or the largest ones while it is still too much, is dropped.
    /// </summary>
    private HashSet<string> Shrink(Func<string, RowDiff, Lsn, FrameBody> encodeMerged)
    {
        HashSet<string> dropped = [];
        var waiting = frames.ToArray();
        Dictionary<string, RowDiff> net = [];
        Lsn? lastCut = null;
        List<Frame> kept = [];
        foreach (var frame in waiting)
        {
            lastCut = frame.Body.Type is "diff" or "cut" && frame.Body.Cut is { } cut ? cut : lastCut;
            if (frame.Body.Type != "diff")
            {
                if (frame.Body.Type != "cut")
                {
                    // Its diffs so far must come before it.
                    if (frame.SubscriptionId is { } id && net.Remove(id, out var before))
                    {
                        kept.Add(new Frame(id, encodeMerged(id, before, lastCut ?? Lsn.Zero)));
                    }

                    kept.Add(frame);
                }

                continue;
            }

            var subscription = frame.SubscriptionId!;
            if (dropped.Contains(subscription))
            {
                continue;
            }

            if (frame.Body.Diff is not { IsOrdered: false } diff)
            {
                dropped.Add(subscription);
                net.Remove(subscription);
                continue;
            }

            net[subscription] = net.TryGetValue(subscription, out var earlier) ? earlier.Then(diff) : diff;
        }

        var merged = net.Where(entry => !entry.Value.IsEmpty)
            .Select(entry => new Frame(entry.Key, encodeMerged(entry.Key, entry.Value, lastCut!.Value)))
            .OrderBy(frame => frame.Length)
            .ToList();
        // A dropped subscription is reset, so only its end still matters.
        kept.RemoveAll(frame => frame.SubscriptionId is { } id && dropped.Contains(id) && frame.Body.Type != "error");
        var bytes = kept.Sum(frame => (long)CountedLength(frame));
        frames = new Queue<Frame>(kept);
        foreach (var frame in merged)
        {
            // Half of the bound must be free again, so that shrinking stays rare.
            if (bytes + frame.Length > maxBytes / 2)
            {
                dropped.Add(frame.SubscriptionId!);
                continue;
            }

            frames.Enqueue(frame);
            bytes += frame.Length;
        }

        if (lastCut is { } final)
        {
            frames.Enqueue(new Frame(null, FrameBody.OfCut(final)));
        }

        countedBytes = bytes;
        return dropped;
    }
}
