using SyncEngine.Catalog;
using SyncEngine.Planning;

namespace SyncEngine.LiveQueries;

/// <summary>Compares plans with the newest schema: a plan is valid while its relations have the fingerprints of its making.</summary>
sealed class PlanValidity
{
    private DatabaseSchema? newest;

    public void Follow(DatabaseSchema schema) => newest = schema;

    /// <summary>The plan may not be valid any more. A plan without fingerprints is invalidated by every change.</summary>
    public bool IsInvalidated(QueryPlan plan) => plan.Fingerprints.Count == 0 || IsOutdated(plan);

    /// <summary>The plan was made for another schema than the newest one.</summary>
    public bool IsOutdated(QueryPlan plan) =>
        newest is { } schema
        && plan.Fingerprints.Any(known => !schema.Tables.TryGetValue(known.Key, out var table) || table.Fingerprint != known.Value);
}
