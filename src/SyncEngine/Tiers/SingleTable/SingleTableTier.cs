using SyncEngine.Changes;

namespace SyncEngine.Tiers.SingleTable;

/// <summary>Keeps filters and projections of one table from the stream alone.</summary>
/// <remarks>
/// Index: relation → template → indexed value → results, and row key → results that hold the row.
/// Held per result: keys and hashes of its rows; no row is kept whole.
/// </remarks>
/// <param name="relations">The relations as the stream has described them.</param>
/// <param name="scannedPerTable">Results per table that no equality indexes; each is tried against every change.</param>
sealed class SingleTableTier(RelationMap relations, int scannedPerTable) : ITier
{
    private readonly Dictionary<uint, TableMatcher> tables = [];
    private readonly TransactionStep step = new();

    public string Mode => "incremental";

    public bool Keeps(TierPlan plan) => plan is SingleTablePlan;

    public string? RefusalOf(TierPlan plan) =>
        plan is SingleTablePlan { Equality: null } single && tables.GetValueOrDefault(single.RelationOid)?.ScannedCount >= scannedPerTable
            ? $"{scannedPerTable} queries without an equality watch the table already"
            : null;

    public TierResult Add(TierPlan plan, ITierQuery query, ResultState? known)
    {
        var single = (SingleTablePlan)plan;
        if (!tables.TryGetValue(single.RelationOid, out var table))
        {
            tables.Add(single.RelationOid, table = new TableMatcher());
        }

        return new SingleTableResult(this, table.TemplateFor(single, relations), single, query, known);
    }

    public bool OnRelation(Relation relation)
    {
        var fits = true;
        foreach (var template in tables.GetValueOrDefault(relation.Oid)?.Bind(relation) ?? [])
        {
            // Its rows cannot be read from the stream any more; the next version of the schema decides what follows.
            template.MarkAllUndecidable(step);
            fits = false;
        }

        return fits;
    }

    public void OnRow(scoped in ChangeReader change)
    {
        if (tables.TryGetValue(change.RelationOid, out var table))
        {
            table.Process(change, step);
        }
    }

    public void OnTruncate(uint relationOid)
    {
        if (tables.TryGetValue(relationOid, out var table))
        {
            table.Truncate(step);
        }
    }

    public void Complete(CommittedTransaction transaction, List<ResultChange> answers)
    {
        foreach (var result in step.Touched)
        {
            if (result.TryComplete(transaction, out var answer))
            {
                answers.Add(answer);
            }
        }

        step.End();
    }

    public TierSize Measure()
    {
        var size = default(TierSize);
        foreach (var template in tables.Values.SelectMany(table => table.Templates))
        {
            size = new TierSize(size.Results + template.Results.Count, size.IndexEntries + template.IndexEntries);
        }

        return size;
    }

    public void Remove(SingleTableResult result)
    {
        var template = result.Template;
        template.Remove(result);
        var table = tables[template.Plan.RelationOid];
        table.RemoveIfUnused(template);
        if (table.IsEmpty)
        {
            tables.Remove(template.Plan.RelationOid);
        }
    }
}
