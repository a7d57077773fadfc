using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Loop;
using SyncEngine.Ports;
using SyncEngine.Tiers;

namespace SyncEngine.LiveQueries;

/// <summary>Fits the answers of reads to the stream, and gives the rows to the audiences. Owned by the loop.</summary>
sealed class ReadAnswers(EngineContext context, IChangeSource source, LiveQueryUpdater updater, Broadcaster broadcaster)
{
    private static readonly TimeSpan quietStream = TimeSpan.FromMilliseconds(3);

    private readonly Timeline timeline = context.Timeline;

    // Answers whose upper bound the stream has not passed yet.
    private readonly List<LiveQuery> waiting = [];

    /// <summary>A live result differed from PostgreSQL although nothing said so: query, added, updated and removed rows.</summary>
    public event Action<string, int, int, int>? Mismatch;

    /// <summary>Takes the answer of a read. It is fitted once the stream has passed its upper bound.</summary>
    public void OnAnswered(LiveQuery query)
    {
        if (query.Read!.UpperBound <= timeline.Position)
        {
            FitToStream(query);
            return;
        }

        waiting.Add(query);
        PushStream();
    }

    /// <summary>Fits the answers that the stream has reached.</summary>
    public void CheckWaiting()
    {
        for (var i = waiting.Count - 1; i >= 0; i--)
        {
            var query = waiting[i];
            if (query.Read is null || query.Read.UpperBound <= timeline.Position)
            {
                waiting.RemoveAt(i);
                if (query.Read?.Result is not null)
                {
                    FitToStream(query);
                }
            }
        }
    }

    /// <summary>Makes a quiet stream reach the answers that wait for it.</summary>
    public void PushStream()
    {
        if (waiting.Count > 0 && timeline.Now - timeline.LastTransactionAt > quietStream)
        {
            source.EmitProgressMessage();
        }
    }

    /// <summary>Drops every answer: in a new epoch none from before can be fitted.</summary>
    public void Clear() => waiting.Clear();

    /// <summary>Drops the answer of a query whose read was cancelled.</summary>
    public void Remove(LiveQuery query) => waiting.Remove(query);

    private void FitToStream(LiveQuery query)
    {
        var read = query.Read!;
        if (!ReferenceEquals(read.Plan, query.Plan) || query.State.IsSuspended || timeline.IsInterrupted)
        {
            updater.Raise(query, LiveQueryEvent.ReadDiscarded);
            return;
        }

        if (read.Snapshot is { } seen)
        {
            timeline.Commits.MarkSeen(seen);
        }

        if (read.Result!.Error is { } error)
        {
            Fail(query, error);
            return;
        }

        var snapshot = read.Snapshot!;
        // Writers from before the table was published may still be running.
        var rows = read.Result.Rows!.Rows;
        var fit = snapshot.Xmin < query.Plan.StreamedAfterXid
            ? Fit.Unfit.Instance
            : query.Result.Fit(new ReadRows(rows, snapshot, read.Start, query.WatchVersion, timeline.Commits, timeline.Position));
        switch (fit)
        {
            case Fit.Fitted fitted:
                query.Retries = 0;
                Accept(query, fitted);
                break;
            case Fit.Unfit:
                context.Metrics.ReadRetries.Add(1);
                updater.Raise(query, LiveQueryEvent.ReadPostponed);
                break;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private void Accept(LiveQuery query, Fit.Fitted fitted)
    {
        var before = query.State.Rows;
        var knownUpTo = query.Audience.KnownUpTo;
        if (before == RowsState.Behind && fitted.Cut < knownUpTo)
        {
            updater.Raise(query, LiveQueryEvent.ReadPostponed);
            return;
        }

        query.Failure = null;
        // A result that is expensive to read is not read without pause.
        query.NotReadBefore = timeline.Now + LiveQueryUpdater.Shorter(query.LastReadDuration, LiveQueryUpdater.LongestPause);
        var diff = query.Result.Hydrate(fitted.Rows, fitted.IsCurrent);
        updater.Raise(query, fitted.IsCurrent ? LiveQueryEvent.ReadFitted : LiveQueryEvent.ReadFittedBehind, fitted.Cut);
        Publish(query, diff, fitted, before, knownUpTo);
        query.IsPlanChanged = false;
        if (query.State.Rows == RowsState.Behind ? !query.Audience.IsEmpty : broadcaster.NeedsRows(query.Audience))
        {
            updater.Raise(query, LiveQueryEvent.RowsNeeded);
        }
    }

    private void Publish(LiveQuery query, RowDiff diff, Fit.Fitted fitted, RowsState before, Lsn knownUpTo)
    {
        var audience = query.Audience;
        var plan = query.IsPlanChanged ? PlanMember.Of(query.Plan) : null;
        if (before == RowsState.Unknown)
        {
            broadcaster.Restart(audience, fitted.Cut);
        }
        else
        {
            var changedAt = fitted.ChangedAt is { } at && at > knownUpTo && at <= fitted.Cut ? at : fitted.Cut;
            if (!diff.IsEmpty)
            {
                var isBehind = before == RowsState.Behind;
                if (!isBehind && !query.Plan.ReadsClock)
                {
                    context.Metrics.AuditMismatches.Add(1);
                    Mismatch?.Invoke(query.Plan.QueryText, diff.Added.Count, diff.Updated.Count, diff.Removed.Count);
                }

                var span = new ReadSpan(isBehind ? knownUpTo : null, fitted.Cut, changedAt, query.Result.LastTouch);
                broadcaster.PublishRead(audience, diff, span);
            }
            else if (before == RowsState.Behind)
            {
                broadcaster.PublishUnchanged(audience, knownUpTo, changedAt);
            }

            broadcaster.Recover(audience, fitted.Cut, plan);
        }

        broadcaster.Join(audience, fitted.Rows, fitted.Cut, plan);
        broadcaster.Touch(audience);
    }

    private void Fail(LiveQuery query, SyncException error)
    {
        switch (ReadFailures.Classify(error))
        {
            case ReadFailure.Unavailable:
                // What the stream alone keeps right goes on; attachments that wait for rows are marked stale.
                if (query.State.Rows == RowsState.Behind)
                {
                    broadcaster.MakeStale(query.Audience, error);
                }
                else
                {
                    broadcaster.MakeWaitingStale(query.Audience, error);
                }

                updater.Raise(query, LiveQueryEvent.ReadPostponed);
                break;

            case ReadFailure.Refused when query.Failure?.Code == error.Code:
                // It was planned again since, and is still refused.
                updater.Raise(query, LiveQueryEvent.ReadFailed);
                updater.End(query, error);
                break;

            case ReadFailure.Refused:
                // The rules or the schema have changed since it was planned.
                query.Failure = error;
                updater.Raise(query, LiveQueryEvent.ReadFailed);
                updater.ReplanAfterRefusal(query);
                break;

            case ReadFailure.Impossible:
                updater.Raise(query, LiveQueryEvent.ReadFailed);
                updater.End(query, error);
                break;

            case ReadFailure.Failing:
                FailForNow(query, error);
                break;

            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    /// <summary>Handles a failure with the data of now (a division by zero, a timeout); after the next change it may succeed.</summary>
    private void FailForNow(LiveQuery query, SyncException error)
    {
        query.Failure = error;
        var isRightAnyway = query.State.Rows == RowsState.Current && !query.Plan.ReadsClock;
        if (isRightAnyway)
        {
            broadcaster.MakeWaitingStale(query.Audience, error);
        }
        else
        {
            broadcaster.MakeStale(query.Audience, error);
        }

        var wasAudit = isRightAnyway && !query.Audience.HasWaiting;
        var asksAgain = error.Code == ErrorCode.QueryTimeout || !query.Plan.Tier.IsReadOnChange || isRightAnyway;
        // Where no change will ask for a read, the query asks again itself.
        updater.Raise(query, !wasAudit && asksAgain ? LiveQueryEvent.ReadPostponed : LiveQueryEvent.ReadFailed);
    }
}
