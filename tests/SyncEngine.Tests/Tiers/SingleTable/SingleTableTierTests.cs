using SyncEngine.Changes;
using SyncEngine.Tests.Simulation;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine.Tests.Tiers.SingleTable;

public sealed class SingleTableTierTests : TierSpecification
{
    private protected override IReadOnlyList<ModelQuery> Queries { get; } = 
        [.. ModelQuery.All.Concat(ModelQuery.OtherLiterals).Where(query => query.Plan.Tier is SingleTablePlan)];

    private protected override ITier Create(RelationMap relations) => new SingleTableTier(relations, scannedPerTable: 2_000);
}
