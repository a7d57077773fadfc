using System.Collections.Immutable;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Planning;
using SyncEngine.Ports;
using SyncEngine.LiveQueries;
using SyncEngine.Sql.Catalog;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine;

/// <summary>Results as they are read, fitted to the stream, and planned again when the schema changes.</summary>
public sealed partial class ChangeProcessor
{
    private static readonly TimeSpan shortestRetry = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan longestRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan quietStream = TimeSpan.FromMilliseconds(3);

    /// <summary>Goes on after a DDL message, with the schema as it is now. Returns the plans that it makes doubtful.</summary>
    public Task<IReadOnlyList<QueryPlan>> ResumeAfterSchemaChangeAsync(DatabaseSchema schema, CancellationToken cancellationToken) =>
        InvokeAsync(
            () =>
            {
                isPaused = false;
                return Suspend(schema);
            },
            cancellationToken);

    /// <summary>The schema has changed without a message. Returns the plans that it makes doubtful; their queries stand still until <see cref="ReplacePlansAsync"/>.</summary>
    public Task<IReadOnlyList<QueryPlan>> OnSchemaChangedAsync(DatabaseSchema schema, CancellationToken cancellationToken) =>
        InvokeAsync(() => Suspend(schema), cancellationToken);

    /// <summary>What became of doubtful plans: each is followed by another plan, or by the error that ends its subscriptions.</summary>
    public Task ReplacePlansAsync(IReadOnlyDictionary<QueryPlan, PlanOutcome> outcomes, CancellationToken cancellationToken) =>
        InvokeAsync(
            () =>
            {
                foreach (var query in queries.All.Where(query => outcomes.ContainsKey(query.Plan)).ToList())
                {
                    query.IsSuspended = false;
                    var (plan, error) = outcomes[query.Plan];
                    if (plan is null)
                    {
                        End(query, error!);
                    }
                    else if (!plan.HasSameShapeAs(query.Plan) || !plan.ParameterTypes.Select(type => type.Oid).SequenceEqual(query.Plan.ParameterTypes.Select(type => type.Oid)))
                    {
                        End(query, new SyncException(ErrorCode.SchemaChanged, "the columns of the result have changed", hint: "Subscribe again."));
                    }
                    else
                    {
                        Replace(query, plan);
                    }
                }

                return true;
            },
            cancellationToken);

    private void Replace(LiveQuery query, QueryPlan plan)
    {
        if (plan.DependsOnClaims)
        {
            // One result was shared by several tokens of a role; now it is the reader's own.
            foreach (var subscription in query.Subscriptions.Where(subscription => subscription.Principal.Claims != plan.Reader.Claims).ToList())
            {
                End(subscription, new SyncException(ErrorCode.PermissionsChanged, "the rows depend on the token now", hint: "Subscribe again."));
            }

            if (query.Subscriptions.Count == 0)
            {
                return;
            }
        }

        query.IsPlanNews |= (query.Plan.Tier.Mode, query.Plan.Tier.Reason) != (plan.Tier.Mode, plan.Tier.Reason);
        reader.Forget(query);
        awaitingPosition.Remove(query);
        queries.Replace(query, plan);
        foreach (var key in query.Template is null ? [] : query.State?.Keys ?? [])
        {
            query.Template!.Hold(key, query);
        }

        foreach (var subscription in query.Subscriptions)
        {
            subscription.Plan = plan;
        }

        FallBehind(query, position);
    }

    /// <summary>A plan that was being made while the schema changed is made again before anything is read by it.</summary>
    private void SuspendIfOutdated(LiveQuery query)
    {
        if (newestSchema is { } schema && !query.IsSuspended && query.Plan.Fingerprints.Count > 0 && IsDoubtful(query.Plan, schema))
        {
            query.IsSuspended = true;
            FallBehind(query, position);
            SchemaDoubt?.Invoke();
        }
    }

    private IReadOnlyList<QueryPlan> Suspend(DatabaseSchema schema)
    {
        newestSchema = schema;
        Dictionary<QueryPlan, bool> isDoubtful = new(ReferenceEqualityComparer.Instance);
        foreach (var query in queries.All)
        {
            ref var doubt = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(isDoubtful, query.Plan, out var isKnown);
            if (!isKnown)
            {
                doubt = IsDoubtful(query.Plan, schema);
            }

            if (doubt || query.IsSuspended)
            {
                doubt = true;
                query.IsSuspended = true;
                FallBehind(query, position);
            }
        }

        return [.. isDoubtful.Where(entry => entry.Value).Select(entry => entry.Key)];
    }

    private static bool IsDoubtful(QueryPlan plan, DatabaseSchema schema) =>
        plan.Fingerprints.Any(known => !schema.Tables.TryGetValue(known.Key, out var table) || table.Fingerprint != known.Value)
        || plan.Fingerprints.Count == 0;

    private void Pause()
    {
        isPaused = true;
        if (SchemaMessage is { } listening)
        {
            listening();
        }
        else
        {
            isPaused = false;
        }
    }

    /// <summary>A read has been answered; it is fitted once the stream has passed its upper bound.</summary>
    private void OnAnswered(LiveQuery query)
    {
        if (query.Read!.UpperBound <= position)
        {
            FitToStream(query);
            return;
        }

        awaitingPosition.Add(query);
        if (now - lastTransactionAt > quietStream)
        {
            source.Nudge();
        }
    }

    private void CheckAwaitingPosition()
    {
        for (var i = awaitingPosition.Count - 1; i >= 0; i--)
        {
            var query = awaitingPosition[i];
            if (query.Read is null || query.Read.UpperBound <= position)
            {
                awaitingPosition.RemoveAt(i);
                if (query.Read is not null)
                {
                    FitToStream(query);
                }
            }
        }
    }

    private void FitToStream(LiveQuery query)
    {
        var read = query.Read!;
        if (!ReferenceEquals(read.Plan, query.Plan) || query.IsSuspended || interruption is not null)
        {
            reader.End(query);
            reader.Want(query);
            return;
        }

        var fit = ResultFitter.Fit(query, read, log, position);
        if (read.Snapshot is { } snapshot)
        {
            log.Settle(snapshot);
        }

        reader.End(query);
        switch (fit)
        {
            case Fit.Fitted fitted:
                query.Retries = 0;
                Accept(query, fitted);
                break;
            case Fit.Unfit:
                metrics.ReadRetries.Add(1);
                ReadAgain(query);
                break;
            case Fit.Failed failed:
                Fail(query, failed.Error);
                break;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private void ReadAgain(LiveQuery query)
    {
        var delay = shortestRetry * Math.Pow(2, Math.Min(query.Retries++, 10));
        query.NotReadBefore = now + (delay < longestRetry ? delay : longestRetry);
        reader.Want(query);
    }

    private void Accept(LiveQuery query, Fit.Fitted fitted)
    {
        if (query.State is not null && query.IsBehind && fitted.Cut < query.Progress)
        {
            ReadAgain(query);
            return;
        }

        query.Failure = null;
        // A result that is expensive to read is not read without pause.
        query.NotReadBefore = now + (query.LastReadTook < longestRetry ? query.LastReadTook : longestRetry);
        var isFirst = query.State is null;
        var wasBehind = query.IsBehind;
        var since = wasBehind ? query.Progress : (Lsn?)null;
        query.State ??= new ResultState(query.Plan.IsOrdered);
        var diff = query.State.Replace(fitted.Rows);
        KeepHolders(query, diff);
        SetBehind(query, !fitted.IsCurrent);
        query.Progress = fitted.Cut;
        if (isFirst)
        {
            replays.Restart(query.Replay, fitted.Cut);
        }
        else if (!diff.IsEmpty)
        {
            if (!wasBehind && !query.Plan.ReadsClock)
            {
                metrics.AuditMismatches.Add(1);
                Mismatch?.Invoke(query.Plan.QueryText, diff.Added.Count, diff.Updated.Count, diff.Removed.Count);
            }

            PublishRead(query, diff, since, fitted);
            if (!wasBehind)
            {
                // A change without a commit: its cut may have been told before, so nobody can resume from there.
                replays.Restart(query.Replay, new Lsn(fitted.Cut.Value + 1));
            }
        }
        else if (since is { } before)
        {
            foreach (var attachment in query.Attachments.Where(attachment => attachment.State == AttachmentState.Live))
            {
                streams.Skip(attachment, before, LastChange(query, before, fitted));
            }
        }

        if (!isFirst)
        {
            Recover(query, fitted.Cut);
        }

        Join(query, fitted);
        foreach (var attachment in query.Attachments)
        {
            streams.Touch(attachment.Stream);
        }

        if (query.IsBehind)
        {
            query.BehindSince = now;
            if (query.Attachments.Count > 0)
            {
                reader.Want(query);
            }
        }
        else if (query.Attachments.Exists(attachment => attachment.State != AttachmentState.Live && !streams.AwaitingRoom.Contains(attachment)))
        {
            reader.Want(query);
        }

        query.IsPlanNews = false;
    }

    /// <summary>A live result differed from Postgres although nothing said so; for the log: query, added, updated, removed.</summary>
    public event Action<string, int, int, int>? Mismatch;

    /// <summary>
    /// A diff from a read. It is labelled with the last transaction in it, so that the cuts at which the rows are unknown are as few as possible;
    /// the stale attachments, which go on from the same rows, have been told later cuts and get it at the cut of the read.
    /// </summary>
    /// <param name="since">The last cut at which the rows before were right; null when nothing had said that they were not.</param>
    private void PublishRead(LiveQuery query, RowDiff diff, Lsn? since, Fit.Fitted fitted)
    {
        metrics.Diffs.Add(1);
        var cut = since is { } before ? LastChange(query, before, fitted) : fitted.Cut;
        var frames = Encode(cut);
        IReadOnlyList<FrameBody>? atRead = null;
        replays.Add(query.Replay, now, cut, frames);
        foreach (var attachment in query.Attachments)
        {
            if (attachment.State == AttachmentState.Joining)
            {
                continue;
            }

            if (fitted.Cut < attachment.Stream.Told)
            {
                // The stream went on without it and its rows can no longer be brought forward in order.
                streams.Reset(attachment, ErrorCode.MustRefetch);
                continue;
            }

            var isLive = attachment.State == AttachmentState.Live;
            foreach (var frame in isLive ? frames : atRead ??= Encode(fitted.Cut))
            {
                streams.Send(attachment, frame, isLive ? since : null);
            }
        }

        IReadOnlyList<FrameBody> Encode(Lsn at)
        {
            var touch = query.LastTouch.Cut > Lsn.Zero && query.LastTouch.Cut <= at ? query.LastTouch : default;
            return FrameBody.OfDiff(diff, at, touch.Cut > Lsn.Zero ? touch.CommitTimeMicroseconds : null, touch.Cut > Lsn.Zero ? touch.Xid : null, options.ChunkBytes);
        }
    }

    /// <summary>From which cut on the rows that were read are right, as far as that is known.</summary>
    private static Lsn LastChange(LiveQuery query, Lsn since, Fit.Fitted fitted)
    {
        // The log forgets what every reader sees; the query remembers the last one itself.
        var known = fitted.IsCurrent && query.Plan.SingleTable is null ? query.LastTouch.Cut : fitted.ChangedAt;
        return known is { } cut && cut > since && cut <= fitted.Cut ? cut : fitted.Cut;
    }

    private void Recover(LiveQuery query, Lsn cut)
    {
        foreach (var attachment in query.Attachments)
        {
            if (attachment.State == AttachmentState.Stale || (attachment.State == AttachmentState.Live && query.IsPlanNews))
            {
                streams.TryGoLive(attachment, cut, [], query.IsPlanNews ? PlanJson(query.Plan) : null, now);
            }
        }
    }

    private void Join(LiveQuery query, Fit.Fitted fitted)
    {
        IReadOnlyList<FrameBody>? snapshot = null;
        foreach (var attachment in query.Attachments)
        {
            if (attachment.State != AttachmentState.Joining || streams.AwaitingRoom.Contains(attachment))
            {
                continue;
            }

            if (TryReplay(query, attachment, fitted.Cut))
            {
                continue;
            }

            if (attachment.Stream.Queue.WaitingSnapshotBytes > options.MaxQueuedBytes)
            {
                // A client takes one large result before the next is made for it.
                streams.AwaitingRoom.Add(attachment);
                continue;
            }

            snapshot ??= FrameBody.Snapshot(fitted.Rows, options.ChunkBytes);
            streams.TryGoLive(attachment, fitted.Cut, snapshot, query.IsPlanNews ? PlanJson(query.Plan) : null, now);
        }
    }

    /// <summary>What came after the cut that the client has, when all of it is still held.</summary>
    private bool TryReplay(LiveQuery query, Attachment attachment, Lsn cut)
    {
        if (attachment.From is not { } from)
        {
            return false;
        }

        if (query.State is null || from < query.Replay.Start || from > cut)
        {
            attachment.From = null;
            streams.Send(attachment, FrameBody.Reset(ErrorCode.MustRefetch));
            return false;
        }

        return streams.TryGoLive(attachment, cut, query.Replay.After(from), null, now);
    }

    private void Fail(LiveQuery query, SyncException error)
    {
        if (error.Code == ErrorCode.SourceUnavailable || error.Code == ErrorCode.ShuttingDown)
        {
            // What the stream alone keeps right goes on; whoever waits for rows is told.
            foreach (var attachment in query.Attachments.Where(attachment => query.IsBehind || attachment.State == AttachmentState.Joining))
            {
                streams.MakeStale(attachment, error);
            }

            ReadAgain(query);
            return;
        }

        if (error.Code == ErrorCode.PermissionDenied || error.Code == ErrorCode.UnknownRelation || error.Code == ErrorCode.UnknownColumn
            || error.Code == ErrorCode.UnknownFunction)
        {
            if (query.Failure?.Code == error.Code)
            {
                // It was planned again since and is still refused.
                End(query, error);
                return;
            }

            // The rules or the schema have changed since it was planned.
            query.Failure = error;
            query.IsSuspended = true;
            FallBehind(query, position);
            SchemaDoubt?.Invoke();
            return;
        }

        if (error.Code == ErrorCode.ResultTooLarge || error.Code == ErrorCode.TypeMismatch || error.Code == ErrorCode.SqlUnsupported)
        {
            End(query, error);
            return;
        }

        // It fails at present (a division by zero, a timeout); the next change may heal it.
        query.Failure = error;
        var isRightAnyway = query.State is not null && !query.IsBehind && !query.Plan.ReadsClock;
        foreach (var attachment in query.Attachments.Where(attachment => !isRightAnyway || attachment.State == AttachmentState.Joining))
        {
            streams.MakeStale(attachment, error);
        }

        if (isRightAnyway && query.Attachments.TrueForAll(attachment => attachment.State == AttachmentState.Live))
        {
            // It was read to be compared only.
            return;
        }

        if (error.Code == ErrorCode.QueryTimeout || query.Template is not null || isRightAnyway)
        {
            // No change would ask for a read, so nothing else does.
            ReadAgain(query);
        }
    }

    private void MakeStale(LiveQuery query, SyncException error)
    {
        foreach (var attachment in query.Attachments)
        {
            streams.MakeStale(attachment, error);
        }
    }

    private void Begin(SourceEvent.Started started)
    {
        hasStarted = true;
        Volatile.Write(ref interruption, null);
        relations.Clear();
        observer?.OnStarted(started.IsContinuation);
        if (started.IsContinuation)
        {
            foreach (var query in queries.All)
            {
                if (query.State is not null && !query.IsBehind)
                {
                    Recover(query, position);
                }

                if (query.Attachments.Exists(attachment => attachment.State != AttachmentState.Live))
                {
                    reader.Want(query);
                }
            }

            return;
        }

        metrics.Epochs.Add(1);
        log.Clear();
        awaitingPosition.Clear();
        foreach (var query in queries.All)
        {
            // What a read from before the new stream does not show may never be delivered.
            reader.Forget(query);
        }

        if (started.From < position)
        {
            // Another timeline: what clients were told is not part of it.
            position = Lsn.Zero;
            foreach (var query in queries.All)
            {
                query.Progress = Lsn.Zero;
                replays.Restart(query.Replay, new Lsn(ulong.MaxValue));
                foreach (var key in query.Template is null ? [] : query.State?.Keys ?? [])
                {
                    query.Template!.Release(key, query);
                }

                query.State = null;
                SetBehind(query, false);
            }

            foreach (var stream in streams.All)
            {
                stream.Told = Lsn.Zero;
                foreach (var attachment in stream.Attachments.Values)
                {
                    streams.Reset(attachment, ErrorCode.MustRefetch);
                }
            }
        }

        var before = position;
        Advance(started.From);
        foreach (var query in queries.All)
        {
            FallBehind(query, before);
        }
    }

    private void Interrupt(string reason)
    {
        Volatile.Write(ref interruption, reason);
        var error = new SyncException(ErrorCode.SourceUnavailable, "the stream of changes is interrupted", hint: "It comes back by itself; the rows are those of an earlier cut until then.");
        foreach (var query in queries.All)
        {
            MakeStale(query, error);
            reader.Forget(query);
        }
    }

    private static byte[] PlanJson(QueryPlan plan) => System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(
        new Dictionary<string, string?>(StringComparer.Ordinal) { ["mode"] = plan.Tier.Mode, ["reason"] = plan.Tier.Reason });
}
