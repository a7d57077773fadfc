using SyncEngine.Changes;
using SyncEngine.Permissions;

namespace SyncEngine.Subscriptions;

/// <summary>
/// One stream of frames to one client, with the subscriptions attached to it: frames leave in the order of their cuts, and a cut is told when
/// every live attachment has reached it. Owned by the change processor; only <see cref="Queue"/> is touched by the connection.
/// </summary>
/// <param name="isSingle">It serves one subscription and ends with it; otherwise it is a connection's open stream, which begins with a cut.</param>
public sealed class ClientStream(string id, Principal principal, bool isSingle, int maxQueuedBytes)
{
    private readonly List<Held> held = [];
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
    /// <param name="since">
    /// The last cut at which the rows before the frame are right, when that is not simply the one before <paramref name="cut"/>: several transactions
    /// are in the frame, and no cut between may be told.
    /// </param>
    internal void Hold(Frame frame, Lsn? cut, Lsn? since = null)
    {
        var at = cut ?? Lsn.Zero;
        var index = held.Count;
        while (index > 0 && held[index - 1].OrderedAt > at && held[index - 1].Frame.SubscriptionId != frame.SubscriptionId)
        {
            index--;
        }

        if (index > 0)
        {
            at = Lsn.Max(at, held[index - 1].OrderedAt);
        }

        held.Insert(index, new Held(at, frame, since));
    }

    /// <summary>The highest cut up to <paramref name="limit"/> that lies inside no waiting frame: there each subscription's rows are known.</summary>
    internal Lsn Settle(Lsn limit)
    {
        // Lowering it for one frame may bring it inside another.
        for (var i = 0; i < held.Count; i++)
        {
            if (held[i].Since is { } since && since < limit && limit < held[i].OrderedAt)
            {
                limit = since;
                i = -1;
            }
        }

        return limit;
    }

    /// <summary>Forgets what waits for one subscription (it is reset or ends).</summary>
    internal void Drop(string subscriptionId) => held.RemoveAll(entry => entry.Frame.SubscriptionId == subscriptionId);

    /// <summary>Takes the frames up to a cut out of the line.</summary>
    internal List<Held> Release(Lsn limit)
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

    /// <summary>A frame in line.</summary>
    /// <param name="Since">No cut after it and before <paramref name="OrderedAt"/> may be told.</param>
    internal readonly record struct Held(Lsn OrderedAt, Frame Frame, Lsn? Since);
}
