using SyncEngine.Changes;
using SyncEngine.Errors;
using SyncEngine.Observability;

namespace SyncEngine.Subscriptions;

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
        AwaitingRoom.RemoveWhere(attachment => ReferenceEquals(attachment.Stream, stream));
    }

    /// <summary>Puts a frame in line for one attachment.</summary>
    public void Send(Attachment attachment, FrameBody body)
    {
        attachment.Stream.Hold(new Frame(attachment.Subscription.Id, body), body.Cut);
        Touch(attachment.Stream);
    }

    /// <summary>Its rows are forgotten: drops what waits and says so.</summary>
    public void Reset(Attachment attachment, ErrorCode code)
    {
        attachment.Stream.Drop(attachment.Subscription.Id);
        attachment.State = AttachmentState.Joining;
        attachment.From = null;
        metrics.Resets.Add(1);
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
    public void FlushNow(ClientStream stream, Lsn position, DateTimeOffset now) => Flush(stream, position, now);

    private void Flush(ClientStream stream, Lsn position, DateTimeOffset now)
    {
        var limit = stream.OutsideLeaps(Limit(stream, position, now));
        var hasLive = !stream.IsSingle || stream.Attachments.Values.Any(attachment => attachment.State == AttachmentState.Live);
        var frames = WithCuts(stream, stream.Release(limit), hasLive && limit >= stream.Told ? stream.Told : null);
        stream.PassLeaps(limit);
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
                Reset(attachment, ErrorCode.SlowConsumer);
                AwaitingRoom.Add(attachment);
            }
        }
    }

    /// <summary>
    /// Marks the cuts between frames: each follows its diffs at once. A stream that is far behind gets only the last mark, which covers all before it.
    /// </summary>
    /// <param name="told">The last cut told, which a replay begins below; null when none may be told.</param>
    private List<Frame> WithCuts(ClientStream stream, List<(Lsn OrderedAt, Frame Frame)> released, Lsn? told)
    {
        var frames = new List<Frame>(released.Count + 2);
        Lsn? unmarked = null;
        foreach (var (at, frame) in released)
        {
            if (unmarked is { } cut && at > cut)
            {
                unmarked = null;
                if (cut > told && released.Count <= FramesWithOwnCuts && !stream.IsInsideLeap(cut))
                {
                    frames.Add(CutFrame(cut));
                }
            }

            frames.Add(frame);
            unmarked = frame.Body.Type == "diff" ? at : unmarked;
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
