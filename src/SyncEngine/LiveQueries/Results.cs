using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Loop;
using SyncEngine.Tiers;

namespace SyncEngine.LiveQueries;

/// <summary>The results of all live queries: what transactions, epochs, interruptions and time do to them. Owned by the loop.</summary>
sealed class Results(EngineContext context, LiveQuerySet queries, LiveQueryUpdater updater, ReadAnswers answers, Broadcaster broadcaster)
{
    private static readonly SyncException interrupted = new(
        ErrorCode.SourceUnavailable,
        "the stream of changes is interrupted",
        hint: "It comes back by itself; the rows are those of an earlier cut until then.");

    private DateTimeOffset lastAuditAt;
    private DateTimeOffset lastClockAt;
    private int auditTurn;

    public LiveQuerySet Queries { get; } = queries;

    public LiveQueryUpdater Updater { get; } = updater;

    public Lsn Position => context.Timeline.Position;

    /// <summary>Carries a tier's answer for one transaction to the result's audience.</summary>
    /// <param name="before">The position before the transaction.</param>
    public void Apply(in ResultChange change, CommittedTransaction transaction, Lsn before)
    {
        var query = (LiveQuery)change.Result.Query;
        if (change.Diff is not { } diff)
        {
            Updater.FallBehind(query, before);
        }
        else if (query.Result.Rows!.Count > context.Options.RowsPerResult)
        {
            Updater.End(query, new SyncException(
                ErrorCode.ResultTooLarge,
                $"the result has more than {context.Options.RowsPerResult} rows",
                hint: "Narrow the query, or raise SyncEngine:Limits:RowsPerResult."));
        }
        else
        {
            broadcaster.Publish(query.Audience, diff, transaction);
        }
    }

    /// <summary>Gives a new attachment its rows: by replay where it can resume, else from the next read.</summary>
    public void Join(LiveQuery query, Attachment attachment)
    {
        var hasRows = query.State.Rows != RowsState.Unknown;
        if (attachment.From is not null && query.State.Rows == RowsState.Current && !context.Timeline.IsInterrupted
            && broadcaster.TryReplay(attachment, hasRows, context.Timeline.Position))
        {
            return;
        }

        if (!hasRows)
        {
            // Without rows there is no replay log: a cut that the client has is answered by a reset.
            broadcaster.TryReplay(attachment, hasRows, context.Timeline.Position);
        }

        Updater.Raise(query, LiveQueryEvent.RowsNeeded);
    }

    /// <summary>Continues after an interruption without a lost commit.</summary>
    public void Continue()
    {
        foreach (var query in Queries.All)
        {
            if (query.State.Rows == RowsState.Current)
            {
                broadcaster.Recover(query.Audience, context.Timeline.Position, plan: null);
            }

            if (query.Audience.HasWaiting)
            {
                Updater.Raise(query, LiveQueryEvent.RowsNeeded);
            }
        }
    }

    /// <summary>Begins a new epoch: commits may have been missed, so no read from before counts.</summary>
    /// <param name="isAnotherHistory">The server is behind the position: clients have been sent rows that it does not have.</param>
    public void BeginEpoch(bool isAnotherHistory)
    {
        context.Metrics.Epochs.Add(1);
        context.Timeline.Commits.Clear();
        answers.Clear();
        foreach (var query in Queries.All)
        {
            query.Result.ForgetTouch();

            // A commit that a read from before does not show may never be delivered.
            Updater.Raise(query, isAnotherHistory ? LiveQueryEvent.HistoryReplaced : LiveQueryEvent.ReadCancelled);
        }

        if (isAnotherHistory)
        {
            broadcaster.Rewind(Queries.All.Select(query => query.Audience));
        }
    }

    /// <summary>Marks every result as behind; those that a stream shows are read again.</summary>
    /// <param name="knownUpTo">The position before the new epoch.</param>
    public void ReadAllAgain(Lsn knownUpTo)
    {
        foreach (var query in Queries.All)
        {
            Updater.FallBehind(query, knownUpTo);
        }
    }

    /// <summary>Marks every result as stale and gives up its read: the stream is interrupted.</summary>
    public void Interrupt()
    {
        foreach (var query in Queries.All)
        {
            broadcaster.MakeStale(query.Audience, interrupted);
            Updater.Raise(query, LiveQueryEvent.ReadCancelled);
        }
    }

    public void RemoveIfUnused(LiveQuery query)
    {
        if (query.Subscriptions.Count == 0)
        {
            Cancel(query);
            broadcaster.Restart(query.Audience, Lsn.Zero);
            Queries.Remove(query);
        }
    }

    /// <summary>Gives up the read of a query.</summary>
    public void Cancel(LiveQuery query)
    {
        Updater.Raise(query, LiveQueryEvent.ReadCancelled);
        answers.Remove(query);
    }

    /// <summary>Reads the results again that change with time alone, once per interval.</summary>
    public void FollowClock()
    {
        if (context.Timeline.Now - lastClockAt >= context.Options.ClockInterval)
        {
            lastClockAt = context.Timeline.Now;
            foreach (var query in Queries.ReadingClock)
            {
                if (!query.Audience.IsEmpty && !context.Timeline.IsInterrupted)
                {
                    Updater.Raise(query, LiveQueryEvent.RowsNeeded);
                }
            }
        }
    }

    /// <summary>Audits one result that is kept from the stream alone: reads it again and compares.</summary>
    public void Audit()
    {
        var now = context.Timeline.Now;
        var interval = context.Options.AuditInterval;
        if (interval == TimeSpan.Zero || now - lastAuditAt < interval || context.Timeline.IsInterrupted)
        {
            return;
        }

        lastAuditAt = now;
        var candidates = Queries.All
            .Where(query => !query.Plan.Tier.IsReadOnChange && !query.Audience.IsEmpty && query.State.Rows == RowsState.Current)
            .ToList();
        if (candidates.Count > 0)
        {
            Updater.Raise(candidates[auditTurn++ % candidates.Count], LiveQueryEvent.RowsNeeded);
        }
    }
}
