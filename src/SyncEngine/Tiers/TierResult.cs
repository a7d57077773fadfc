using SyncEngine.Changes;
using SyncEngine.Values;

namespace SyncEngine.Tiers;

/// <summary>One result as its tier keeps it: its rows' keys and hashes, and whatever the tier's index holds for it.</summary>
/// <param name="known">Rows taken over from a result under another plan; null when nothing is known.</param>
abstract class TierResult(ITierQuery query, ResultState? known)
{
    public ITierQuery Query { get; } = query;

    /// <summary>The rows that clients have; null until the first <see cref="Hydrate"/>.</summary>
    public ResultState? Rows { get; private set; } = known;

    /// <summary>The rows are those of the last completed transaction.</summary>
    public bool IsCurrent { get; private set; }

    /// <summary>The last transaction that asked for a read.</summary>
    public CommitLabel LastTouch { get; private set; }

    /// <summary>Begins a read. Changes from now on are noted where the tier needs them to fit the rows.</summary>
    public virtual void BeginRead()
    {
    }

    /// <summary>Ends the read, with any outcome.</summary>
    public virtual void EndRead()
    {
    }

    /// <summary>Finds the cuts at which rows that were read are right, and adds the changes that the read does not show.</summary>
    public abstract Fit Fit(in ReadRows read);

    /// <summary>Makes the rows those of a whole result, and returns what changed.</summary>
    /// <param name="isCurrent">The rows are those of the last completed transaction; otherwise the next one is a read again.</param>
    public RowDiff Hydrate(IReadOnlyList<EncodedRow> rows, bool isCurrent)
    {
        Rows ??= new ResultState(Query.IsOrdered);
        var diff = Rows.Replace(rows);
        OnChanged(diff);
        IsCurrent = isCurrent;
        return diff;
    }

    /// <summary>The rows cannot be computed from the stream alone any more: no diff until the next <see cref="Hydrate"/>.</summary>
    public void Invalidate() => IsCurrent = false;

    /// <summary>Forgets the last touch: commits may have been missed, or the positions of another history may come again.</summary>
    public void ForgetTouch() => LastTouch = default;

    /// <summary>Forgets the rows: they belong to another history.</summary>
    public void Forget()
    {
        if (Rows is { } rows)
        {
            OnForgotten(rows);
        }

        Rows = null;
        IsCurrent = false;
        LastTouch = default;
    }

    /// <summary>Ends it: nothing of it stays in the tier.</summary>
    public abstract void Remove();

    /// <summary>Bytes held for it, about.</summary>
    public virtual long Bytes => Rows?.Bytes ?? 0;

    /// <summary>The transaction changed the result in a way that only a read shows.</summary>
    protected void Touch(CommittedTransaction transaction)
    {
        LastTouch = new CommitLabel(transaction.EndLsn, transaction.CommitTimeMicroseconds, transaction.Xid);
        IsCurrent = false;
    }

    /// <summary>Applies a transaction's net changes to the rows, and returns what changed.</summary>
    protected RowDiff Apply(NetChanges changes)
    {
        var diff = Rows!.Apply(changes);
        OnChanged(diff);
        return diff;
    }

    /// <summary>The rows have changed: an index by key follows.</summary>
    protected virtual void OnChanged(RowDiff diff)
    {
    }

    protected virtual void OnForgotten(ResultState rows)
    {
    }

    /// <summary>A delivered commit changed something that the query reads.</summary>
    protected bool Reads(in Commit commit)
    {
        if (Query.ReadsAnything)
        {
            return true;
        }

        foreach (var relation in commit.Touched)
        {
            if (Query.Relations.Contains(relation))
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>The facts of a commit that a diff is labelled with; the cut is zero where there is none.</summary>
readonly record struct CommitLabel(Lsn Cut, long CommitTimeMicroseconds, ulong Xid);
