using SyncEngine.Changes;
using SyncEngine.Permissions;

namespace SyncEngine.Delivery;

/// <summary>
/// One stream of frames to one client, with the subscriptions attached to it. Frames leave in the order of their cuts. A cut is sent when
/// every live attachment has reached it. Owned by the loop; the connection uses <see cref="Queue"/> alone.
/// </summary>
/// <param name="isSingle">
/// It has one subscription and ends with it. Otherwise it is a connection's open stream, which begins with a cut.
/// </param>
public sealed class ClientStream(string id, Principal principal, bool isSingle, int maxQueuedBytes)
{
    private readonly List<PendingFrame> pending = [];
    private readonly CancellationTokenSource stalled = new();

    public string Id { get; } = id;

    public Principal Principal { get; internal set; } = principal;

    public bool IsSingle { get; } = isSingle;

    public FrameQueue Queue { get; } = new(maxQueuedBytes);

    /// <summary>Cancelled when the client has stopped reading: its connection is to be cut.</summary>
    public CancellationToken Stalled => stalled.Token;

    internal Dictionary<string, Attachment> Attachments { get; } = [];

    /// <summary>The last cut that was sent; it only rises.</summary>
    internal Lsn LastSentCut { get; set; }

    internal DateTimeOffset LastSentCutAt { get; set; }

    /// <summary>Attachments that hold the stream at a cut.</summary>
    internal int HoldCount { get; set; }

    internal bool IsQueuedForFlush { get; set; }

    internal long TakenAtLastCheck { get; set; }

    internal DateTimeOffset MovedAt { get; set; }

    internal bool HasPending => pending.Count > 0;

    internal void Stall() => stalled.Cancel();

    /// <summary>Queues a frame behind everything of its own subscription, and before frames of others with a higher cut.</summary>
    internal void Enqueue(string? subscriptionId, FrameBody? body, Lsn? cut, Lsn? knownUpTo = null)
    {
        var at = cut ?? Lsn.Zero;
        var index = pending.Count;
        while (index > 0 && pending[index - 1].Position > at && pending[index - 1].SubscriptionId != subscriptionId)
        {
            index--;
        }

        if (index > 0)
        {
            at = Lsn.Max(at, pending[index - 1].Position);
        }

        pending.Insert(index, new PendingFrame(at, knownUpTo, subscriptionId, body));
    }

    /// <summary>Drops the pending frames of one subscription: it is reset or ends.</summary>
    internal void Drop(string subscriptionId) => pending.RemoveAll(entry => entry.SubscriptionId == subscriptionId);

    /// <summary>Drops every frame of a subscription that the client has taken off the stream, queued ones too.</summary>
    internal void Forget(string subscriptionId)
    {
        Drop(subscriptionId);
        Queue.Drop(subscriptionId);
    }

    /// <summary>The highest cut, at or below the one given, that lies in no pending diff's gap.</summary>
    internal Lsn OutsideGaps(Lsn limit)
    {
        // From the last to the first: a lower limit can only fall into the gaps of earlier frames.
        for (var i = pending.Count - 1; i >= 0 && pending[i].Position > LastSentCut; i--)
        {
            limit = pending[i].IsGap(limit) ? pending[i].KnownUpTo!.Value : limit;
        }

        return limit;
    }

    /// <summary>Lets the stream go on past the gaps: a subscription is stale in its gap, and live again after its last diff.</summary>
    internal void MarkGapsStale(FrameBody stale)
    {
        foreach (var id in pending.Where(entry => entry.KnownUpTo is not null).Select(entry => entry.SubscriptionId).Distinct().ToList())
        {
            var last = pending.FindLastIndex(entry => entry.SubscriptionId == id);
            if (pending[last].Body is null or { Type: FrameType.Diff })
            {
                pending.Insert(last + 1, new PendingFrame(pending[last].Position, null, id, FrameBody.Live(pending[last].Position)));
            }

            var first = pending.FindIndex(entry => entry.SubscriptionId == id && entry.KnownUpTo is not null);
            var known = pending[first].KnownUpTo!.Value;
            for (var i = first; i <= last; i++)
            {
                pending[i] = pending[i].SubscriptionId == id ? pending[i] with { KnownUpTo = null } : pending[i];
            }

            while (first > 0 && pending[first - 1].Position > known)
            {
                first--;
            }

            pending.Insert(first, new PendingFrame(known, null, id, stale));
        }
    }

    /// <summary>Takes the frames up to a cut.</summary>
    internal List<PendingFrame> Release(Lsn limit)
    {
        var count = 0;
        while (count < pending.Count && pending[count].Position <= limit)
        {
            count++;
        }

        var released = pending.GetRange(0, count);
        pending.RemoveRange(0, count);
        return released;
    }
}

/// <summary>A frame that waits on its stream until a cut may be sent.</summary>
/// <param name="Position">It leaves when the stream may send this cut.</param>
/// <param name="KnownUpTo">
/// Set when it comes from a read: the rows before it are those of the cuts up to there, the rows after it those of its own cut. Between
/// them is its gap: at those cuts the client does not have the rows.
/// </param>
/// <param name="Body">Null where the read changed nothing, and only the gap matters.</param>
readonly record struct PendingFrame(Lsn Position, Lsn? KnownUpTo, string? SubscriptionId, FrameBody? Body)
{
    public bool IsGap(Lsn cut) => KnownUpTo is { } known && known < cut && cut < Position;
}
