using SyncEngine.Changes;

namespace SyncEngine.Tiers.SingleTable;

/// <summary>A result of one table's filter and projection, kept from the stream alone.</summary>
/// <remarks>The template's holders follow its rows, which change here alone.</remarks>
sealed class SingleTableResult : TierResult
{
    private readonly SingleTableTier tier;

    // Net changes of each transaction since the read under way began.
    private List<(ulong Xid, NetChanges Changes)>? notes;

    /// <param name="plan">Its own plan: plans that share a template differ in literals.</param>
    public SingleTableResult(SingleTableTier tier, Template template, SingleTablePlan plan, ITierQuery query, ResultState? known)
        : base(query, known)
    {
        this.tier = tier;
        Template = template;
        Operands = plan.OperandsOf(query.Parameters);
        template.Add(this);
        foreach (var key in known?.Keys ?? [])
        {
            template.AddHolder(key, this);
        }
    }

    public Template Template { get; }

    /// <summary>The parameters as the predicate wants them: canonical UTF-8, null for NULL.</summary>
    public byte[]?[] Operands { get; }

    /// <summary>The net changes of the transaction under way; null where it has none.</summary>
    public NetChanges? Pending { get; set; }

    public bool IsReading => notes is not null;

    public override void BeginRead()
    {
        notes = [];
        Template.BeginRead(this);
    }

    public override void EndRead()
    {
        notes = null;
        Template.EndRead(this);
    }

    /// <summary>The answer for the transaction that ends; false when it has none.</summary>
    public bool TryComplete(CommittedTransaction transaction, out ResultChange answer)
    {
        var pending = Pending!;
        answer = default;
        notes?.Add((transaction.Xid, pending));
        if (!IsCurrent)
        {
            return false;
        }

        if (pending.IsUndecidable)
        {
            Touch(transaction);
            answer = new ResultChange(this, null);
            return true;
        }

        var diff = Apply(pending);
        answer = new ResultChange(this, diff);
        return !diff.IsEmpty;
    }

    /// <summary>The rows of the snapshot, and on top of them the changes of commits that it does not see.</summary>
    public override Fit Fit(in ReadRows read)
    {
        foreach (var commit in read.Commits.NotSeenBy(read.Snapshot))
        {
            if (Reads(commit) && (commit.EndLsn <= read.Start || commit.WatchVersion < read.WatchVersion))
            {
                // Its changes were not noted, and the snapshot does not show them yet.
                return Tiers.Fit.Unfit.Instance;
            }
        }

        if (notes is not { Count: > 0 })
        {
            return new Fit.Fitted(read.Rows, read.Position, IsCurrent: true);
        }

        var result = read.Rows.ToDictionary(row => row.Key, row => row.Json);
        foreach (var (xid, changes) in notes)
        {
            if (read.Snapshot.Sees(xid))
            {
                continue;
            }

            if (changes.IsUndecidable)
            {
                return Tiers.Fit.Unfit.Instance;
            }

            changes.ApplyTo(result);
        }

        return new Fit.Fitted([.. result.Select(entry => new Values.EncodedRow(entry.Key, entry.Value))], read.Position, IsCurrent: true);
    }

    public override void Remove() => tier.Remove(this);

    protected override void OnChanged(RowDiff diff)
    {
        foreach (var row in diff.Added)
        {
            Template.AddHolder(row.Key, this);
        }

        foreach (var key in diff.Removed)
        {
            Template.RemoveHolder(key, this);
        }
    }

    protected override void OnForgotten(ResultState rows)
    {
        foreach (var key in rows.Keys)
        {
            Template.RemoveHolder(key, this);
        }
    }
}
