using SyncEngine.Changes;
using SyncEngine.Errors;
using SyncEngine.Observability;
using SyncEngine.LiveQueries;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine.Delivery;

/// <summary>
/// All open streams: decides what each may be told now. Frames leave in the order of their cuts; a cut is told when every live attachment of
/// the stream has reached it. Owned by the change processor.
/// </summary>
/// <remarks>Backpressure: frames are offered, never awaited; a stream whose queue is full has subscriptions reset, one whose client stopped reading is closed.</remarks>
sealed class StreamSet(EngineOptions options, EngineMetrics metrics)
{
    private const int FramesWithOwnCuts = 32;

    private readonly HashSet<ClientStream> streams = [];
    private readonly List<ClientStream> dirty = [];
    // Streams whose frames wait for one another, as no cut lies outside every gap; since when.
    private readonly Dictionary<ClientStream, DateTimeOffset> heldBack = [];
    private FrameBody? lastCut;

    public int Count => streams.Count;

    public IReadOnlyCollection<ClientStream> All => streams;

    /// <summary>Queries that are behind and shown by somebody: they hold the cuts of their streams back. Nearly always none.</summary>
    public HashSet<LiveQuery> Behind { get; } = [];

    /// <summary>Attachments that were reset because they did not fit; they join again once their queue is empty.</summary>
    public HashSet<Attachment> AwaitingRoom { get; } = [];

    public void Add(ClientStream stream, DateTimeOffset now)
    {
        streams.Add(stream);
        stream.MovedAt = now;
    }

    public void Remove(ClientStream stream)
    {
        streams.Remove(stream);
        heldBack.Remove(stream);
        AwaitingRoom.RemoveWhere(attachment => ReferenceEquals(attachment.Stream, stream));
    }

    /// <summary>Puts a frame in line for one attachment.</summary>
    /// <param name="rightUpTo">For a live attachment's diff from a read: the last cut at which the rows before it are right.</param>
    public void Send(Attachment attachment, FrameBody body, Lsn? rightUpTo = null)
    {
        attachment.Stream.Hold(attachment.Subscription.Id, body, body.Cut, rightUpTo);
        Touch(attachment.Stream);
    }

    /// <summary>A read found the rows of a live attachment unchanged at a cut; what they were since <paramref name="rightUpTo"/> nobody knows.</summary>
    public void Skip(Attachment attachment, Lsn rightUpTo, Lsn cut)
    {
        attachment.Stream.Hold(attachment.Subscription.Id, null, cut, rightUpTo);
        Touch(attachment.Stream);
    }

    /// <summary>Its rows are forgotten: drops what waits and says so.</summary>
    public void Reset(Attachment attachment, ErrorCode code)
    {
        JoinAgain(attachment);
        Send(attachment, FrameBody.Reset(code));
    }

    public void MakeStale(Attachment attachment, SyncException reason)
    {
        if (attachment.State == AttachmentState.Live)
        {
            attachment.State = AttachmentState.Stale;
        }

        if (!attachment.IsToldStale)
        {
            attachment.IsToldStale = true;
            Send(attachment, FrameBody.Stale(reason));
        }
    }

    /// <summary>
    /// Makes the attachment live at a cut at which its rows are right, when the stream has told none above it. Otherwise the stream is held
    /// where it is for a moment, so that the next read can join.
    /// </summary>
    public bool TryGoLive(Attachment attachment, Lsn cut, IEnumerable<FrameBody> before, byte[]? plan, DateTimeOffset now)
    {
        if (cut < attachment.Stream.Told)
        {
            if (attachment.HoldAt is null)
            {
                attachment.HoldAt = attachment.Stream.Told;
                attachment.Stream.HoldCount++;
            }

            attachment.HoldUntil = now + options.MaxHold;
            return false;
        }

        foreach (var body in before)
        {
            Send(attachment, body);
        }

        Send(attachment, FrameBody.Live(cut, plan));
        attachment.State = AttachmentState.Live;
        attachment.IsToldStale = false;
        Unhold(attachment);
        return true;
    }

    /// <summary>Where reads meet at no cut for too long, the stream goes on and shows them as stale in between.</summary>
    public void ShowGaps(DateTimeOffset now, SyncException reason)
    {
        foreach (var (stream, _) in heldBack.Where(entry => now - entry.Value > options.MaxHold).ToList())
        {
            heldBack.Remove(stream);
            stream.ShowGaps(FrameBody.Stale(reason));
            Touch(stream);
        }
    }

    public void Touch(ClientStream stream)
    {
        if (!stream.IsQueuedForFlush)
        {
            stream.IsQueuedForFlush = true;
            dirty.Add(stream);
        }
    }

    /// <summary>Sends what may be sent on the streams that were touched.</summary>
    public void FlushTouched(Lsn position, DateTimeOffset now)
    {
        // Flushing may touch streams again (a reset); those wait for the next round.
        if (dirty.Count == 0)
        {
            return;
        }

        ClientStream[] round = [.. dirty];
        dirty.Clear();
        foreach (var stream in round)
        {
            stream.IsQueuedForFlush = false;
            Flush(stream, position, now);
        }
    }

    /// <summary>Tells the position to the streams that have not heard of one for the interval, and closes those that are stuck.</summary>
    public IReadOnlyList<ClientStream> Tick(Lsn position, DateTimeOffset now)
    {
        List<ClientStream> stalled = [];
        foreach (var stream in streams)
        {
            // A little less than the interval: the promise is within it, and ticks are discrete.
            if ((stream.Told < position || stream.HasHeld) && now - stream.ToldAt >= options.CutInterval * 0.8)
            {
                Touch(stream);
            }

            if (stream.Queue.TakenCount != stream.TakenAtLastCheck || stream.Queue.IsEmpty)
            {
                stream.TakenAtLastCheck = stream.Queue.TakenCount;
                stream.MovedAt = now;
            }
            else if (now - stream.MovedAt > options.StallTimeout)
            {
                stalled.Add(stream);
            }
        }

        metrics.Stalls.Add(stalled.Count);
        return stalled;
    }

    /// <summary>The attachment no longer holds its stream where it is.</summary>
    public static void Unhold(Attachment attachment)
    {
        if (attachment.HoldAt is not null)
        {
            attachment.HoldAt = null;
            attachment.Stream.HoldCount--;
        }
    }

    /// <summary>Sends what may be sent on one stream.</summary>
    public void Flush(ClientStream stream, Lsn position, DateTimeOffset now)
    {
        var limit = Limit(stream, position, now);
        var hasLive = !stream.IsSingle || stream.Attachments.Values.Any(attachment => attachment.State == AttachmentState.Live);
        var reached = limit;
        limit = stream.Outside(limit);
        if (limit == reached)
        {
            heldBack.Remove(stream);
        }
        else
        {
            heldBack.TryAdd(stream, now);
        }

        var frames = WithCuts(stream.Release(limit), stream.Told, mayTell: hasLive && limit >= stream.Told);
        var isDue = now - stream.ToldAt >= options.CutInterval * 0.8;
        if (hasLive && limit >= stream.Told && (frames.Exists(frame => frame.Body.Type == "diff") || (limit > stream.Told && (isDue || frames.Count > 0))))
        {
            frames.Add(CutFrame(limit));
            metrics.Cuts.Add(1);
            stream.Told = limit;
            stream.ToldAt = now;
        }
        else if (frames.Exists(frame => frame.Body.Cut is not null))
        {
            stream.Told = Lsn.Max(stream.Told, limit);
        }

        if (frames.Count == 0)
        {
            return;
        }

        metrics.FramesSent.Add(frames.Count);
        var dropped = stream.Queue.Offer(frames, (_, diff, cut) => FrameBody.OfDiff(diff, cut, null, null, int.MaxValue)[0]);
        foreach (var id in dropped)
        {
            if (stream.Attachments.TryGetValue(id, out var attachment))
            {
                JoinAgain(attachment);
                AwaitingRoom.Add(attachment);
            }
        }
    }

    private void JoinAgain(Attachment attachment)
    {
        attachment.Stream.Drop(attachment.Subscription.Id);
        attachment.State = AttachmentState.Joining;
        attachment.IsToldStale = false;
        attachment.From = null;
        metrics.Resets.Add(1);
    }

    /// <summary>
    /// Marks the cuts between frames: each follows its diffs at once, unless a later diff has it in its gap or (of a replay) it was passed before.
    /// A stream that is far behind gets only the last mark, which covers all before it.
    /// </summary>
    private List<Frame> WithCuts(List<HeldFrame> released, Lsn told, bool mayTell)
    {
        var frames = new List<Frame>(released.Count + 2);
        mayTell &= released.Count <= FramesWithOwnCuts;
        Lsn? unmarked = null;
        for (var i = 0; i < released.Count; i++)
        {
            var (at, _, id, body) = released[i];
            if (mayTell && unmarked is { } cut && at > cut)
            {
                unmarked = null;
                if (cut > told && !released.Exists(entry => entry.HasInGap(cut)))
                {
                    frames.Add(CutFrame(cut));
                }
            }

            if (body is not null)
            {
                frames.Add(new Frame(id, body));
                unmarked = body.Type == "diff" ? at : unmarked;
            }
        }

        return frames;
    }

    /// <summary>Every stream is told of the same cut by the same bytes.</summary>
    private Frame CutFrame(Lsn cut)
    {
        if (lastCut?.Cut != cut)
        {
            lastCut = FrameBody.OfCut(cut);
        }

        return new Frame(null, lastCut!);
    }

    /// <summary>The highest cut that every live attachment has reached.</summary>
    private Lsn Limit(ClientStream stream, Lsn position, DateTimeOffset now)
    {
        if (Behind.Count == 0 && stream.HoldCount == 0)
        {
            return position;
        }

        var limit = position;
        foreach (var attachment in stream.Attachments.Values)
        {
            if (attachment.State == AttachmentState.Live && attachment.Query.IsBehind)
            {
                limit = Lsn.Min(limit, attachment.Query.Progress);
            }
            else if (attachment.HoldAt is { } hold)
            {
                limit = Lsn.Min(limit, hold);
                if (now >= attachment.HoldUntil)
                {
                    Unhold(attachment);
                }
            }
        }

        return limit;
    }
}
