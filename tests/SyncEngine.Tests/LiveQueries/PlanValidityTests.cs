using System.Collections.Immutable;
using SyncEngine.Catalog;
using SyncEngine.LiveQueries;
using SyncEngine.Planning;
using SyncEngine.Tests.Simulation;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.Tests.LiveQueries;

public sealed class PlanValidityTests
{
    private static readonly QueryPlan withoutFingerprints = ModelQuery.Named("items all").Plan;
    private static readonly QueryPlan plan = withoutFingerprints with
    {
        Sources = withoutFingerprints.Sources with { Fingerprints = ImmutableDictionary<uint, ulong>.Empty.Add(1, 5) },
    };

    private static readonly DatabaseSchema empty =
        new(1, 180_000, new Dictionary<uint, Table>(), new Dictionary<uint, SqlType>(), [], HasForeignOperators: false);

    private readonly PlanValidity validity = new();

    [Fact]
    public void A_plan_is_outdated_when_the_newest_schema_lacks_a_fingerprint_of_it()
    {
        Assert.False(validity.IsOutdated(plan));
        validity.Follow(empty);
        Assert.True(validity.IsOutdated(plan));
        Assert.True(validity.IsInvalidated(plan));
    }

    [Fact]
    public void A_plan_without_fingerprints_is_invalidated_by_a_change_but_is_never_outdated()
    {
        validity.Follow(empty);
        Assert.True(validity.IsInvalidated(withoutFingerprints));
        Assert.False(validity.IsOutdated(withoutFingerprints));
    }
}
