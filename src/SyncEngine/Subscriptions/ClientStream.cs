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
    private readonly List<(Lsn OrderedAt, Frame Frame)> held = [];
    private readonly List<Leap> leaps = [];
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
    internal void Hold(Frame frame, Lsn? cut)
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

        held.Insert(index, (at, frame));
    }

    /// <summary>
    /// A subscription's rows go from those of one cut to those of another, several transactions at once, even if that leaves them as they were:
    /// what they are at the cuts between is not known, so none of those may be told.
    /// </summary>
    internal void AddLeap(string subscriptionId, Lsn from, Lsn to) => leaps.Add(new Leap(subscriptionId, from, to));

    /// <summary>The highest cut up to <paramref name="limit"/> that lies inside no leap.</summary>
    internal Lsn OutsideLeaps(Lsn limit)
    {
        // Lowering it for one leap may bring it inside another.
        while (leaps.Find(leap => leap.Holds(limit)) is { } leap)
        {
            limit = leap.From;
        }

        return limit;
    }

    internal bool IsInsideLeap(Lsn cut) => leaps.Exists(leap => leap.Holds(cut));

    /// <summary>Forgets what waits for one subscription (it is reset or ends).</summary>
    internal void Drop(string subscriptionId)
    {
        held.RemoveAll(entry => entry.Frame.SubscriptionId == subscriptionId);
        leaps.RemoveAll(leap => leap.SubscriptionId == subscriptionId);
    }

    /// <summary>The stream has told a cut: what ended at or before it holds nothing back any more.</summary>
    internal void PassLeaps(Lsn told) => leaps.RemoveAll(leap => leap.To <= told);

    /// <summary>Takes the frames up to a cut out of the line.</summary>
    internal List<(Lsn OrderedAt, Frame Frame)> Release(Lsn limit)
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

    private sealed record Leap(string SubscriptionId, Lsn From, Lsn To)
    {
        public bool Holds(Lsn cut) => From < cut && cut < To;
    }
}
