using SyncEngine.Changes;
using SyncEngine.Permissions;
using SyncEngine.LiveQueries;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine.Delivery;

/// <summary>
/// One stream of frames to one client, with the subscriptions attached to it: frames leave in the order of their cuts, and a cut is told when
/// every live attachment has reached it. Owned by the change processor; only <see cref="Queue"/> is touched by the connection.
/// </summary>
/// <param name="isSingle">It serves one subscription and ends with it; otherwise it is a connection's open stream, which begins with a cut.</param>
public sealed class ClientStream(string id, Principal principal, bool isSingle, int maxQueuedBytes)
{
    private readonly List<HeldFrame> held = [];
    private readonly CancellationTokenSource stalled = new();

    public string Id { get; } = id;

    public Principal Principal { get; internal set; } = principal;

    public bool IsSingle { get; } = isSingle;

    public FrameQueue Queue { get; } = new(maxQueuedBytes);

    /// <summary>Cancelled when the client has stopped reading: its connection is to be cut.</summary>
    public CancellationToken Stalled => stalled.Token;

    internal Dictionary<string, Attachment> Attachments { get; } = [];

    /// <summary>The last cut told; it only rises.</summary>
    internal Lsn Told { get; set; }

    internal DateTimeOffset ToldAt { get; set; }

    /// <summary>Attachments that hold the stream at a cut.</summary>
    internal int HoldCount { get; set; }

    internal bool IsQueuedForFlush { get; set; }

    internal long TakenAtLastCheck { get; set; }

    internal DateTimeOffset MovedAt { get; set; }

    internal bool HasHeld => held.Count > 0;

    internal void Stall() => stalled.Cancel();

    /// <summary>Puts a frame in line, after everything of its own subscription and behind nothing with a higher cut.</summary>
    internal void Hold(string? subscriptionId, FrameBody? body, Lsn? cut, Lsn? rightUpTo = null)
    {
        var at = cut ?? Lsn.Zero;
        var index = held.Count;
        while (index > 0 && held[index - 1].OrderedAt > at && held[index - 1].SubscriptionId != subscriptionId)
        {
            index--;
        }

        if (index > 0)
        {
            at = Lsn.Max(at, held[index - 1].OrderedAt);
        }

        held.Insert(index, new HeldFrame(at, rightUpTo, subscriptionId, body));
    }

    /// <summary>Forgets what waits for one subscription (it is reset or ends).</summary>
    internal void Drop(string subscriptionId) => held.RemoveAll(entry => entry.SubscriptionId == subscriptionId);

    /// <summary>Forgets what waits for a subscription that the client has taken off the stream, in the queue too: nothing more of it comes.</summary>
    internal void Leave(string subscriptionId)
    {
        Drop(subscriptionId);
        Queue.Drop(subscriptionId);
    }

    /// <summary>The highest cut, at or below the one given, that lies in no held diff's gap.</summary>
    internal Lsn Outside(Lsn limit)
    {
        // From the last to the first: a lower limit can only fall into the gaps of earlier frames.
        for (var i = held.Count - 1; i >= 0 && held[i].OrderedAt > Told; i--)
        {
            limit = held[i].HasInGap(limit) ? held[i].RightUpTo!.Value : limit;
        }

        return limit;
    }

    /// <summary>Lets the stream go on past the gaps: whoever has one is stale in it, and live again behind its last diff.</summary>
    internal void ShowGaps(FrameBody stale)
    {
        foreach (var id in held.Where(entry => entry.RightUpTo is not null).Select(entry => entry.SubscriptionId).Distinct().ToList())
        {
            var last = held.FindLastIndex(entry => entry.SubscriptionId == id);
            if (held[last].Body is null or { Type: "diff" })
            {
                held.Insert(last + 1, new HeldFrame(held[last].OrderedAt, null, id, FrameBody.Live(held[last].OrderedAt)));
            }

            var first = held.FindIndex(entry => entry.SubscriptionId == id && entry.RightUpTo is not null);
            var known = held[first].RightUpTo!.Value;
            for (var i = first; i <= last; i++)
            {
                held[i] = held[i].SubscriptionId == id ? held[i] with { RightUpTo = null } : held[i];
            }

            while (first > 0 && held[first - 1].OrderedAt > known)
            {
                first--;
            }

            held.Insert(first, new HeldFrame(known, null, id, stale));
        }
    }

    /// <summary>Takes the frames up to a cut out of the line.</summary>
    internal List<HeldFrame> Release(Lsn limit)
    {
        var count = 0;
        while (count < held.Count && held[count].OrderedAt <= limit)
        {
            count++;
        }

        var released = held.GetRange(0, count);
        held.RemoveRange(0, count);
        return released;
    }
}

/// <summary>A frame in line on a stream.</summary>
/// <param name="OrderedAt">It leaves when the stream may tell this cut.</param>
/// <param name="RightUpTo">
/// Set when it comes from a read: the rows before it are those of the cuts up to there, the rows after it those of its own cut. At the cuts
/// between, its gap, the client does not have them.
/// </param>
/// <param name="Body">Null where the read has changed nothing, and only the gap matters.</param>
readonly record struct HeldFrame(Lsn OrderedAt, Lsn? RightUpTo, string? SubscriptionId, FrameBody? Body)
{
    public bool HasInGap(Lsn cut) => RightUpTo is { } known && known < cut && cut < OrderedAt;
}
