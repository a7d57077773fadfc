using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;
using SyncEngine.Values;

namespace SyncEngine.LiveQueries;

/// <summary>What a read turned out to be.</summary>
abstract record Fit
{
    private Fit()
    {
    }

    /// <summary>The rows are the query's result at every cut from some point up to and including <paramref name="Cut"/>.</summary>
    /// <param name="IsCurrent">Nothing delivered since has changed what it reads.</param>
    /// <param name="ChangedAt">The last commit on record that changed what it reads and that the rows show: they are right from there on.</param>
    internal sealed record Fitted(IReadOnlyList<EncodedRow> Rows, Lsn Cut, bool IsCurrent, Lsn? ChangedAt = null) : Fit;

    /// <summary>The snapshot is no prefix of the stream, or lacks rows that the stream will not bring: read again after a moment.</summary>
    internal sealed record Unfit(string Reason) : Fit;

    /// <summary>Postgres refused.</summary>
    internal sealed record Failed(SyncException Error) : Fit;
}

/// <summary>
/// Matches rows read in a snapshot to the stream. The stream has delivered everything up to the read's upper bound, so every visible commit is
/// delivered; which ones are visible the snapshot says by transaction id, not by position.
/// </summary>
/// <remarks>The rule and its reasons: docs/decisions/snapshot-to-stream.md.</remarks>
static class ResultFitter
{
    public static Fit Fit(LiveQuery query, PendingRead read, CommitLog log, Lsn position)
    {
        if (read.Result!.Error is { } error)
        {
            return new Fit.Failed(error);
        }

        var snapshot = read.Snapshot!;
        if (snapshot.Xmin < query.Plan.StreamedAfterXid)
        {
            return new Fit.Unfit("writers from before the table was published are still running");
        }

        return query.Plan.SingleTable is not null
            ? FitIncremental(query, read, snapshot, log, position)
            : FitRequery(query, read, snapshot, log, position);
    }

    /// <summary>The rows of the snapshot, and on top of them what the commits that it does not see did.</summary>
    private static Fit FitIncremental(LiveQuery query, PendingRead read, PgSnapshot snapshot, CommitLog log, Lsn position)
    {
        foreach (var commit in log.NotSeenBy(snapshot))
        {
            if (Touches(query, commit) && (commit.EndLsn <= read.StartPosition || commit.WatchVersion < query.WatchVersion))
            {
                return new Fit.Unfit("a commit that was delivered before the read is not visible yet");
            }
        }

        var rows = read.Result!.Rows!.Rows;
        if (read.Changes.Count == 0)
        {
            return new Fit.Fitted(rows, position, IsCurrent: true);
        }

        var result = rows.ToDictionary(row => row.Key, row => row.Json);
        foreach (var (xid, changes) in read.Changes)
        {
            if (snapshot.Sees(xid))
            {
                continue;
            }

            if (changes.IsUndecidable)
            {
                return new Fit.Unfit("a change since the read left out a value");
            }

            if (changes.EmptiesFirst)
            {
                result.Clear();
            }

            foreach (var (key, json) in changes.Entries)
            {
                if (json is null)
                {
                    result.Remove(key);
                }
                else
                {
                    result[key] = json;
                }
            }
        }

        return new Fit.Fitted([.. result.Select(entry => new EncodedRow(entry.Key, entry.Value))], position, IsCurrent: true);
    }

    /// <summary>The rows stand as they are; the question is at which cuts.</summary>
    private static Fit FitRequery(LiveQuery query, PendingRead read, PgSnapshot snapshot, CommitLog log, Lsn position)
    {
        Lsn? firstUnseen = null;
        Lsn? lastSeen = null;
        foreach (var commit in log.All)
        {
            if (!Touches(query, commit))
            {
                continue;
            }

            if (!snapshot.Sees(commit.Xid))
            {
                firstUnseen ??= commit.EndLsn;
            }
            else if (firstUnseen is not null)
            {
                return new Fit.Unfit("the snapshot shows a later commit without an earlier one");
            }
            else
            {
                lastSeen = commit.EndLsn;
            }
        }

        // Right up to the last byte before the first commit that it does not show.
        return firstUnseen is { } unseen
            ? new Fit.Fitted(read.Result!.Rows!.Rows, new Lsn(unseen.Value - 1), IsCurrent: false, lastSeen)
            : new Fit.Fitted(read.Result!.Rows!.Rows, position, IsCurrent: true, lastSeen);
    }

    private static bool Touches(LiveQuery query, in Commit commit)
    {
        if (query.Plan.ReadsAnything)
        {
            return true;
        }

        foreach (var table in commit.Touched)
        {
            if (query.Plan.Tables.Contains(table))
            {
                return true;
            }
        }

        return false;
    }
}
