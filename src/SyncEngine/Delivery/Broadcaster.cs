using SyncEngine.Changes;
using SyncEngine.Errors;
using SyncEngine.Loop;
using SyncEngine.Tiers;
using SyncEngine.Values;

namespace SyncEngine.Delivery;

/// <summary>A read, as it matters to an audience that has rows already.</summary>
/// <param name="KnownUpTo">The last cut at which the rows before the read were right; null when they were right all along.</param>
/// <param name="Cut">The rows of the read are right up to this cut.</param>
/// <param name="ChangedAt">The first cut from which they are right, as far as that is known.</param>
/// <param name="Label">The last commit that touched the result.</param>
readonly record struct ReadSpan(Lsn? KnownUpTo, Lsn Cut, Lsn ChangedAt, CommitLabel Label);

/// <summary>Turns changes of results into frames, encoded once, for every attachment of an audience. Owned by the loop.</summary>
sealed class Broadcaster(EngineContext context, StreamSet streams)
{
    private readonly ReplaySet replays = new(context.Options.ReplayWindow, context.Options.ReplayTotalBytes);

    /// <summary>Sends a transaction's diff to every live attachment.</summary>
    public void Publish(Audience audience, RowDiff diff, CommittedTransaction transaction)
    {
        context.Metrics.Diffs.Add(1);
        var frames = FrameBody.OfDiff(
            diff, transaction.EndLsn, transaction.CommitTimeMicroseconds, transaction.Xid, context.Options.ChunkBytes);
        replays.Add(audience.Replay, context.Timeline.Now, transaction.EndLsn, frames);
        foreach (var attachment in audience.Attachments)
        {
            if (attachment.State == AttachmentState.Live)
            {
                foreach (var frame in frames)
                {
                    streams.Send(attachment, frame);
                }
            }
        }
    }

    /// <summary>
    /// Sends the diff of a read. Its label is the last transaction in it, so that the rows are unknown at as few cuts as possible. Stale
    /// attachments go on from the same rows but have been sent later cuts: they get it at the cut of the read.
    /// </summary>
    public void PublishRead(Audience audience, RowDiff diff, in ReadSpan read)
    {
        context.Metrics.Diffs.Add(1);
        var (knownUpTo, readCut, changedAt, label) = read;
        var cut = knownUpTo is null ? readCut : changedAt;
        var frames = Encode(cut);
        IReadOnlyList<FrameBody>? atRead = null;
        replays.Add(audience.Replay, context.Timeline.Now, cut, frames);
        foreach (var attachment in audience.Attachments)
        {
            if (attachment.State == AttachmentState.Joining)
            {
                continue;
            }

            if (readCut < attachment.Stream.LastSentCut)
            {
                // The stream went on without it, and its rows can no longer be brought forward in order.
                streams.Reset(attachment, ErrorCode.MustRefetch);
                continue;
            }

            var isLive = attachment.State == AttachmentState.Live;
            foreach (var frame in isLive ? frames : atRead ??= Encode(readCut))
            {
                streams.Send(attachment, frame, isLive ? knownUpTo : null);
            }
        }

        if (knownUpTo is null)
        {
            // A change without a commit: its cut may have been sent before, so no client can resume from there.
            Restart(audience, new Lsn(readCut.Value + 1));
        }

        IReadOnlyList<FrameBody> Encode(Lsn at)
        {
            var isKnown = label.Cut > Lsn.Zero && label.Cut <= at;
            return FrameBody.OfDiff(
                diff, at, isKnown ? label.CommitTimeMicroseconds : null, isKnown ? label.Xid : null, context.Options.ChunkBytes);
        }
    }

    /// <summary>A read found nothing changed: live attachments only pass the cuts in between.</summary>
    public void PublishUnchanged(Audience audience, Lsn knownUpTo, Lsn changedAt)
    {
        foreach (var attachment in audience.Attachments)
        {
            if (attachment.State == AttachmentState.Live)
            {
                streams.Skip(attachment, knownUpTo, changedAt);
            }
        }
    }

    /// <summary>Makes stale attachments live again at a cut; live ones are sent a plan that has changed.</summary>
    public void Recover(Audience audience, Lsn cut, byte[]? plan)
    {
        foreach (var attachment in audience.Attachments)
        {
            if (attachment.State == AttachmentState.Stale || (attachment.State == AttachmentState.Live && plan is not null))
            {
                streams.TryGoLive(attachment, cut, [], plan);
            }
        }
    }

    /// <summary>Gives joining attachments the rows, by replay where they can resume.</summary>
    public void Join(Audience audience, IReadOnlyList<EncodedRow> rows, Lsn cut, byte[]? plan)
    {
        IReadOnlyList<FrameBody>? snapshot = null;
        foreach (var attachment in audience.Attachments)
        {
            if (attachment.State != AttachmentState.Joining || streams.AwaitingRoom.Contains(attachment)
                || TryReplay(attachment, hasRows: true, cut))
            {
                continue;
            }

            if (attachment.Stream.Queue.WaitingSnapshotBytes > context.Options.MaxQueuedBytes)
            {
                // A client takes one large result before the next is made for it.
                streams.AwaitingRoom.Add(attachment);
                continue;
            }

            snapshot ??= FrameBody.Snapshot(rows, context.Options.ChunkBytes);
            streams.TryGoLive(attachment, cut, snapshot, plan);
        }
    }

    /// <summary>Sends the diffs after the cut that the client has, when all of them are still held; otherwise a reset.</summary>
    /// <param name="hasRows">The result has been read; its replay log counts from there.</param>
    public bool TryReplay(Attachment attachment, bool hasRows, Lsn cut)
    {
        if (attachment.From is not { } from)
        {
            return false;
        }

        if (!hasRows || from < attachment.Audience.Replay.Start || from > cut)
        {
            attachment.From = null;
            streams.Send(attachment, FrameBody.Reset(ErrorCode.MustRefetch));
            return false;
        }

        return streams.TryGoLive(attachment, cut, attachment.Audience.Replay.After(from), null);
    }

    public void MakeStale(Audience audience, SyncException reason)
    {
        foreach (var attachment in audience.Attachments)
        {
            streams.MakeStale(attachment, reason);
        }
    }

    public void MakeWaitingStale(Audience audience, SyncException reason)
    {
        foreach (var attachment in audience.Attachments)
        {
            if (attachment.State == AttachmentState.Joining)
            {
                streams.MakeStale(attachment, reason);
            }
        }
    }

    /// <summary>Has the streams of the audience flushed in this round.</summary>
    public void Touch(Audience audience)
    {
        foreach (var attachment in audience.Attachments)
        {
            streams.Touch(attachment.Stream);
        }
    }

    /// <summary>An attachment waits for rows and has room for them.</summary>
    public bool NeedsRows(Audience audience) =>
        audience.Attachments.Exists(attachment => attachment.State != AttachmentState.Live && !streams.AwaitingRoom.Contains(attachment));

    /// <summary>Begins the replay log anew: clients resume from this cut on.</summary>
    public void Restart(Audience audience, Lsn cut) => replays.Restart(audience.Replay, cut);

    /// <summary>Begins another history: no client resumes, and each gets a reset and a snapshot.</summary>
    public void Rewind(IEnumerable<Audience> audiences)
    {
        foreach (var audience in audiences)
        {
            Restart(audience, new Lsn(ulong.MaxValue));
        }

        foreach (var stream in streams.All)
        {
            stream.LastSentCut = Lsn.Zero;
            foreach (var attachment in stream.Attachments.Values)
            {
                streams.Reset(attachment, ErrorCode.MustRefetch);
            }
        }
    }

    public void DropOldReplays() => replays.DropOld(context.Timeline.Now);
}
