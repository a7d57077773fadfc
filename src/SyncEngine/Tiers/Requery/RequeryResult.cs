using SyncEngine.Changes;

namespace SyncEngine.Tiers.Requery;

/// <summary>A result that PostgreSQL returns whole at every read.</summary>
sealed class RequeryResult(RequeryTier tier, ITierQuery query, ResultState? known) : TierResult(query, known)
{
    /// <returns>False when the same transaction has touched it before, through another relation.</returns>
    public new bool Touch(CommittedTransaction transaction)
    {
        if (LastTouch.Cut == transaction.EndLsn)
        {
            return false;
        }

        base.Touch(transaction);
        return true;
    }

    /// <summary>The rows stand as they were read; the stream says at which cuts.</summary>
    public override Fit Fit(in ReadRows read)
    {
        Lsn? firstUnseen = null;
        Lsn? lastSeen = null;
        foreach (var commit in read.Commits.All)
        {
            if (!Reads(commit))
            {
                continue;
            }

            if (!read.Snapshot.Sees(commit.Xid))
            {
                firstUnseen ??= commit.EndLsn;
            }
            else if (firstUnseen is not null)
            {
                // The snapshot shows a later commit without an earlier one.
                return Tiers.Fit.Unfit.Instance;
            }
            else
            {
                lastSeen = commit.EndLsn;
            }
        }

        // Right up to the last byte before the first commit that the rows do not show.
        return firstUnseen is { } unseen
            ? new Fit.Fitted(read.Rows, new Lsn(unseen.Value - 1), IsCurrent: false, lastSeen)
            // The commits on record lose those that every snapshot sees, so the result remembers the last one itself.
            : new Fit.Fitted(read.Rows, read.Position, IsCurrent: true, LastTouch.Cut);
    }

    public override void Remove() => tier.Remove(this);
}
