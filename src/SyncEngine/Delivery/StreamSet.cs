using SyncEngine.Changes;
using SyncEngine.Errors;
using SyncEngine.Loop;

namespace SyncEngine.Delivery;

/// <summary>
/// All open streams: decides which frames each may be sent now. Frames leave in the order of their cuts, and a cut is sent when every live
/// attachment of the stream has reached it. Owned by the loop.
/// </summary>
/// <remarks>
/// Backpressure: frames are offered, never awaited. A stream whose queue is full has subscriptions reset; one whose client has stopped
/// reading is closed.
/// </remarks>
sealed class StreamSet(EngineContext context)
{
    private const int FramesWithOwnCuts = 32;

    private readonly Options.EngineOptions options = context.Options;
    private readonly Observability.EngineMetrics metrics = context.Metrics;
    private readonly Timeline timeline = context.Timeline;
    private readonly HashSet<ClientStream> streams = [];
    private readonly List<ClientStream> dirty = [];

    // Streams whose frames wait for one another, because no cut lies outside every gap; since when.
    private readonly Dictionary<ClientStream, DateTimeOffset> blocked = [];
    private FrameBody? lastCut;

    public int Count => streams.Count;

    public IReadOnlyCollection<ClientStream> All => streams;

    /// <summary>Results that are behind and shown on a stream: they hold the cuts of their streams back. Nearly always none.</summary>
    public HashSet<Audience> Behind { get; } = [];

    /// <summary>Attachments that were reset because their queue was full; they join again once it is empty.</summary>
    public HashSet<Attachment> AwaitingRoom { get; } = [];

    public void Add(ClientStream stream)
    {
        streams.Add(stream);
        stream.MovedAt = timeline.Now;
    }

    public void Remove(ClientStream stream)
    {
        streams.Remove(stream);
        blocked.Remove(stream);
        AwaitingRoom.RemoveWhere(attachment => ReferenceEquals(attachment.Stream, stream));
    }

    /// <summary>Queues a frame for one attachment.</summary>
    /// <param name="knownUpTo">For a live attachment's diff from a read: the last cut at which the rows before it are right.</param>
    public void Send(Attachment attachment, FrameBody body, Lsn? knownUpTo = null)
    {
        attachment.Stream.Enqueue(attachment.SubscriptionId, body, body.Cut, knownUpTo);
        Touch(attachment.Stream);
    }

    /// <summary>
    /// Passes the cuts up to a read that found the rows unchanged: between <paramref name="knownUpTo"/> and its cut the rows are unknown.
    /// </summary>
    public void Skip(Attachment attachment, Lsn knownUpTo, Lsn cut)
    {
        attachment.Stream.Enqueue(attachment.SubscriptionId, null, cut, knownUpTo);
        Touch(attachment.Stream);
    }

    /// <summary>Makes the client forget the rows: drops pending frames and queues a reset.</summary>
    public void Reset(Attachment attachment, ErrorCode code)
    {
        JoinAgain(attachment);
        Send(attachment, FrameBody.Reset(code));
    }

    /// <summary>
    /// Marks the result as behind: until it has caught up or is stale, its streams send no cut above <paramref name="knownUpTo"/>.
    /// </summary>
    public void FallBehind(Audience audience, Lsn knownUpTo)
    {
        audience.IsBehind = true;
        audience.KnownUpTo = knownUpTo;
        audience.BehindSince = timeline.Now;
        if (!audience.IsEmpty)
        {
            Behind.Add(audience);
        }
    }

    public void CatchUp(Audience audience)
    {
        audience.IsBehind = false;
        Behind.Remove(audience);
    }

    public void MakeStale(Attachment attachment, SyncException reason)
    {
        if (attachment.State == AttachmentState.Live)
        {
            attachment.State = AttachmentState.Stale;
        }

        if (!attachment.IsMarkedStale)
        {
            attachment.IsMarkedStale = true;
            Send(attachment, FrameBody.Stale(reason));
        }
    }

    /// <summary>
    /// Makes the attachment live at a cut at which its rows are right, when the stream has sent none above it. Otherwise the stream is held
    /// where it is for a moment, so that the next read can join.
    /// </summary>
    public bool TryGoLive(Attachment attachment, Lsn cut, IEnumerable<FrameBody> before, byte[]? plan)
    {
        if (cut < attachment.Stream.LastSentCut)
        {
            if (attachment.HoldAt is null)
            {
                attachment.HoldAt = attachment.Stream.LastSentCut;
                attachment.Stream.HoldCount++;
            }

            attachment.HoldUntil = timeline.Now + options.MaxHold;
            return false;
        }

        foreach (var body in before)
        {
            Send(attachment, body);
        }

        Send(attachment, FrameBody.Live(cut, plan));
        attachment.State = AttachmentState.Live;
        attachment.IsMarkedStale = false;
        EndHold(attachment);
        return true;
    }

    /// <summary>Lets streams go on whose reads have met at no cut for too long: the subscriptions are stale in between.</summary>
    private void MarkGapsStale(SyncException reason)
    {
        foreach (var (stream, _) in blocked.Where(entry => timeline.Now - entry.Value > options.MaxHold).ToList())
        {
            blocked.Remove(stream);
            stream.MarkGapsStale(FrameBody.Stale(reason));
            Touch(stream);
        }
    }

    /// <summary>
    /// Marks results as stale that stay behind for too long; until then they hold the cuts of their streams back. A result that is alone
    /// on its stream delays no other and has more time.
    /// </summary>
    public void MarkLaggingStale(SyncException reason)
    {
        MarkGapsStale(reason);
        foreach (var audience in Behind)
        {
            foreach (var attachment in audience.Attachments)
            {
                var limit = attachment.Stream.Attachments.Count > 1 ? options.MaxHold : options.MaxHold * 5;
                if (attachment.State == AttachmentState.Live && timeline.Now - audience.BehindSince > limit)
                {
                    MakeStale(attachment, reason);
                }
            }
        }
    }

    /// <summary>Takes the attachments whose client has read everything since they were reset for want of room.</summary>
    public IReadOnlyList<Attachment> TakeThoseWithRoom()
    {
        if (AwaitingRoom.Count == 0)
        {
            return [];
        }

        var ready = AwaitingRoom.Where(attachment => attachment.Stream.Queue.IsEmpty).ToList();
        AwaitingRoom.ExceptWith(ready);
        return ready;
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
    public void FlushTouched()
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
            Flush(stream);
        }
    }

    /// <summary>Has the position sent on the streams that were sent no cut for the interval.</summary>
    /// <returns>The streams whose client has stopped reading.</returns>
    public IReadOnlyList<ClientStream> Tick()
    {
        var now = timeline.Now;
        List<ClientStream> stalled = [];
        foreach (var stream in streams)
        {
            // A little less than the interval: the promise is within it, and ticks are discrete.
            if ((stream.LastSentCut < timeline.Position || stream.HasPending) && now - stream.LastSentCutAt >= options.CutInterval * 0.8)
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

    /// <summary>Takes an attachment off its stream and its result.</summary>
    public void Detach(Attachment attachment)
    {
        attachment.Stream.Attachments.Remove(attachment.SubscriptionId);
        attachment.Audience.Attachments.Remove(attachment);
        AwaitingRoom.Remove(attachment);
        EndHold(attachment);
        if (attachment.Audience.IsEmpty)
        {
            Behind.Remove(attachment.Audience);
        }
    }

    /// <summary>Ends the hold of an attachment on its stream.</summary>
    public static void EndHold(Attachment attachment)
    {
        if (attachment.HoldAt is not null)
        {
            attachment.HoldAt = null;
            attachment.Stream.HoldCount--;
        }
    }

    /// <summary>Sends what may be sent on one stream.</summary>
    public void Flush(ClientStream stream)
    {
        var now = timeline.Now;
        var limit = Limit(stream);
        var hasLive = !stream.IsSingle || stream.Attachments.Values.Any(attachment => attachment.State == AttachmentState.Live);
        var reached = limit;
        limit = stream.OutsideGaps(limit);
        if (limit == reached)
        {
            blocked.Remove(stream);
        }
        else
        {
            blocked.TryAdd(stream, now);
        }

        var frames = WithCuts(stream.Release(limit), stream.LastSentCut, maySend: hasLive && limit >= stream.LastSentCut);
        var isDue = now - stream.LastSentCutAt >= options.CutInterval * 0.8;
        var maySend = hasLive && limit >= stream.LastSentCut;
        var hasAdvanced = limit > stream.LastSentCut && (isDue || frames.Count > 0);
        if (maySend && (hasAdvanced || frames.Exists(frame => frame.Body.Type == FrameType.Diff)))
        {
            frames.Add(CutFrame(limit));
            metrics.Cuts.Add(1);
            stream.LastSentCut = limit;
            stream.LastSentCutAt = now;
        }
        else if (frames.Exists(frame => frame.Body.Cut is not null))
        {
            stream.LastSentCut = Lsn.Max(stream.LastSentCut, limit);
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
        attachment.Stream.Drop(attachment.SubscriptionId);
        attachment.State = AttachmentState.Joining;
        attachment.IsMarkedStale = false;
        attachment.From = null;
        metrics.Resets.Add(1);
    }

    /// <summary>
    /// Puts cuts between frames: each follows its diffs at once. A cut is left out that lies in the gap of a later diff, or that was passed
    /// before (in a replay). A stream that is far behind gets only the last cut, which covers all before it.
    /// </summary>
    private List<Frame> WithCuts(List<PendingFrame> released, Lsn lastSent, bool maySend)
    {
        var frames = new List<Frame>(released.Count + 2);
        maySend &= released.Count <= FramesWithOwnCuts;
        Lsn? unmarked = null;
        for (var i = 0; i < released.Count; i++)
        {
            var (at, _, id, body) = released[i];
            if (maySend && unmarked is { } cut && at > cut)
            {
                unmarked = null;
                if (cut > lastSent && !released.Exists(entry => entry.IsGap(cut)))
                {
                    frames.Add(CutFrame(cut));
                }
            }

            if (body is not null)
            {
                frames.Add(new Frame(id, body));
                unmarked = body.Type == FrameType.Diff ? at : unmarked;
            }
        }

        return frames;
    }

    /// <summary>Encodes a cut once for every stream.</summary>
    private Frame CutFrame(Lsn cut)
    {
        if (lastCut?.Cut != cut)
        {
            lastCut = FrameBody.OfCut(cut);
        }

        return new Frame(null, lastCut!);
    }

    /// <summary>The highest cut that every live attachment has reached.</summary>
    private Lsn Limit(ClientStream stream)
    {
        var position = timeline.Position;
        if (Behind.Count == 0 && stream.HoldCount == 0)
        {
            return position;
        }

        var limit = position;
        foreach (var attachment in stream.Attachments.Values)
        {
            if (attachment.State == AttachmentState.Live && attachment.Audience.IsBehind)
            {
                limit = Lsn.Min(limit, attachment.Audience.KnownUpTo);
            }
            else if (attachment.HoldAt is { } hold)
            {
                limit = Lsn.Min(limit, hold);
                if (timeline.Now >= attachment.HoldUntil)
                {
                    EndHold(attachment);
                }
            }
        }

        return limit;
    }
}
