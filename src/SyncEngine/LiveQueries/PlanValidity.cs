using SyncEngine.Catalog;
using SyncEngine.Planning;

namespace SyncEngine.LiveQueries;

/// <summary>Compares plans with the newest schema: a plan holds while the relations that it was made for have the same fingerprints.</summary>
sealed class PlanValidity
{
    private DatabaseSchema? newest;

    public void Follow(DatabaseSchema schema) => newest = schema;

    /// <summary>The plan may not hold any more. A plan without fingerprints never holds across a change.</summary>
    public bool IsInvalidated(QueryPlan plan) => plan.Fingerprints.Count == 0 || IsOutdated(plan);

    /// <summary>The plan was made for another schema than the newest one.</summary>
    public bool IsOutdated(QueryPlan plan) =>
        newest is { } schema
        && plan.Fingerprints.Any(known => !schema.Tables.TryGetValue(known.Key, out var table) || table.Fingerprint != known.Value);
}
