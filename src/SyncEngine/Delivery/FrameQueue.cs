using System.Runtime.CompilerServices;
using System.Threading.Channels;
using SyncEngine.Changes;
using SyncEngine.Errors;
using SyncEngine.Tiers;

namespace SyncEngine.Delivery;

/// <summary>
/// The frames that wait for one connection. The loop offers, the connection takes; a slow connection delays no other.
/// </summary>
/// <remarks>
/// Backpressure: past <paramref name="maxBytes"/> the diffs are merged to one net diff per subscription, labelled with the last cut. If that
/// is not enough, <see cref="Offer"/> returns the subscriptions to reset. Snapshot chunks are shared between streams and do not count.
/// </remarks>
public sealed class FrameQueue(int maxBytes)
{
    // Guards everything below: one thread offers, another takes.
    private readonly Lock gate = new();
    private readonly Channel<bool> signal =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private Queue<Frame> frames = new();
    private long countedBytes;
    private bool isComplete;

    /// <summary>Bytes of snapshots waiting.</summary>
    public long WaitingSnapshotBytes
    {
        get
        {
            lock (gate)
            {
                return frames.Where(frame => frame.Body.Type == FrameType.Snapshot).Sum(frame => (long)frame.Length);
            }
        }
    }

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

    /// <summary>Appends frames.</summary>
    /// <returns>The subscriptions whose frames did not fit: their reset is queued already, and each needs a new snapshot.</returns>
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

    /// <summary>Drops the frames of one subscription: the client has taken it off the stream.</summary>
    internal void Drop(string subscriptionId)
    {
        lock (gate)
        {
            frames = new Queue<Frame>(frames.Where(frame => frame.SubscriptionId != subscriptionId));
            countedBytes = frames.Sum(frame => (long)CountedLength(frame));
        }
    }

    /// <summary>Ends the queue: queued frames may still be taken, nothing more is accepted.</summary>
    public void Complete()
    {
        lock (gate)
        {
            isComplete = true;
        }

        signal.Writer.TryWrite(true);
    }

    /// <summary>Drops every frame and ends the queue.</summary>
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
    public async IAsyncEnumerable<Frame> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var batch in ReadBatchesAsync(maxBatchBytes: 1, cancellationToken))
        {
            yield return batch[0];
        }
    }

    /// <summary>Takes queued frames, at least one and no more than fit the bytes, until the queue is completed and empty.</summary>
    public async IAsyncEnumerable<Frame[]> ReadBatchesAsync(int maxBatchBytes, [EnumeratorCancellation] CancellationToken cancellationToken)
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

    private static int CountedLength(in Frame frame) => frame.Body.Type == FrameType.Snapshot ? 0 : frame.Length;

    /// <summary>
    /// Merges the queue. Frames that are no plain diff or cut stay; a subscription's diffs before such a frame of its own stay before it. The
    /// other diffs become one per subscription, and the cuts one at the end. A subscription whose diffs cannot be merged (ordered, or in
    /// parts) is reset before that cut. So are those with the largest diffs, while the queue is still too long. No cut covers rows that a
    /// subscription lacks.
    /// </summary>
    private HashSet<string> Shrink(Func<string, RowDiff, Lsn, FrameBody> encodeMerged)
    {
        HashSet<string> dropped = [];
        Dictionary<string, (RowDiff Diff, Lsn Cut)> net = [];
        Lsn? lastCut = null;
        List<Frame> kept = [];
        foreach (var frame in frames)
        {
            if (frame.SubscriptionId is not { } id)
            {
                if (kept.Count == 0 && net.Count == 0 && dropped.Count == 0 && lastCut is null)
                {
                    // A stream begins with a cut.
                    kept.Add(frame);
                }

                lastCut = frame.Body.Cut;
            }
            else if (frame.Body.Type != FrameType.Diff)
            {
                if (net.Remove(id, out var before) && !before.Diff.IsEmpty)
                {
                    kept.Add(new Frame(id, encodeMerged(id, before.Diff, before.Cut)));
                }

                kept.Add(frame);
            }
            else if (frame.Body.Diff is not { IsOrdered: false } diff)
            {
                dropped.Add(id);
            }
            else
            {
                net[id] = (net.TryGetValue(id, out var earlier) ? earlier.Diff.Then(diff) : diff, frame.Body.Cut!.Value);
            }
        }

        var merged = net.Where(entry => !entry.Value.Diff.IsEmpty && !dropped.Contains(entry.Key))
            .Select(entry => new Frame(entry.Key, encodeMerged(entry.Key, entry.Value.Diff, entry.Value.Cut)))
            .OrderBy(frame => frame.Length)
            .ToList();
        // Half of the bound must be free again, so that shrinking stays rare.
        var keptBytes = kept.Where(frame => !dropped.Contains(frame.SubscriptionId ?? "")).Sum(frame => (long)CountedLength(frame));
        var room = (maxBytes / 2) - keptBytes;
        var fitting = merged.TakeWhile(frame => (room -= frame.Length) >= 0).ToList();
        dropped.UnionWith(merged.Skip(fitting.Count).Select(frame => frame.SubscriptionId!));
        // A dropped subscription is reset, so only its end still matters.
        kept.RemoveAll(frame => dropped.Contains(frame.SubscriptionId ?? "") && frame.Body.Type != FrameType.Error);
        var ended = kept.Where(frame => frame.Body.Type == FrameType.Error).Select(frame => frame.SubscriptionId!).ToHashSet();
        var resets = dropped.Where(id => !ended.Contains(id)).Select(id => new Frame(id, FrameBody.Reset(ErrorCode.SlowConsumer)));
        frames = new Queue<Frame>([.. kept, .. resets, .. fitting.OrderBy(frame => frame.Body.Cut!.Value)]);
        if (lastCut is { } final)
        {
            frames.Enqueue(new Frame(null, FrameBody.OfCut(final)));
        }

        countedBytes = frames.Sum(frame => (long)CountedLength(frame));
        return dropped;
    }
}
