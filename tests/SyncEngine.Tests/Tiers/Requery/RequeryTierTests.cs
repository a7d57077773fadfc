using SyncEngine.Changes;
using SyncEngine.Tests.Simulation;
using SyncEngine.Tiers;
using SyncEngine.Tiers.Requery;

namespace SyncEngine.Tests.Tiers.Requery;

public sealed class RequeryTierTests : TierSpecification
{
    private protected override IReadOnlyList<ModelQuery> Queries { get; } = [.. ModelQuery.All.Where(query => query.Plan.Tier is RequeryPlan)];

    private protected override ITier Create(RelationMap relations) => new RequeryTier();
}
