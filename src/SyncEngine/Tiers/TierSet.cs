using SyncEngine.Changes;
using SyncEngine.Tiers.Requery;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine.Tiers;

/// <summary>Every tier, as one: each gets every change, and each keeps the results of its plans.</summary>
sealed class TierSet
{
    private readonly ITier[] tiers;

    /// <param name="relations">The relations as the stream has described them.</param>
    /// <param name="unindexedQueriesPerTable">Results that each change of a table may be tried against one by one.</param>
    public TierSet(RelationMap relations, int unindexedQueriesPerTable) =>
        tiers =
        [
            new SingleTableTier(relations, unindexedQueriesPerTable),
            new RequeryTier(),
        ];

    /// <summary>The plan's tier, or the one that takes its place where that one has no more room.</summary>
    public TierPlan PlanWithRoom(TierPlan plan) => TierOf(plan).RefusalOf(plan) is { } reason ? new RequeryPlan(reason) : plan;

    public TierResult Add(TierPlan plan, ITierQuery query, ResultState? known) => TierOf(plan).Add(plan, query, known);

    public bool OnRelation(Relation relation)
    {
        var fits = true;
        foreach (var tier in tiers)
        {
            fits &= tier.OnRelation(relation);
        }

        return fits;
    }

    public void OnRow(scoped in ChangeReader change)
    {
        foreach (var tier in tiers)
        {
            tier.OnRow(change);
        }
    }

    public void OnTruncate(uint relationOid)
    {
        foreach (var tier in tiers)
        {
            tier.OnTruncate(relationOid);
        }
    }

    public void Complete(CommittedTransaction transaction, List<ResultChange> answers)
    {
        foreach (var tier in tiers)
        {
            tier.Complete(transaction, answers);
        }
    }

    /// <summary>The size of each tier, by its mode.</summary>
    public IEnumerable<(string Mode, TierSize Size)> Measure() => tiers.Select(tier => (tier.Mode, tier.Measure()));

    private ITier TierOf(TierPlan plan) =>
        Array.Find(tiers, tier => tier.Keeps(plan)) ?? throw new InvalidOperationException($"no tier keeps {plan.GetType().Name}");
}
