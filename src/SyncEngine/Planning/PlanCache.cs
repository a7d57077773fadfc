using System.Collections.Concurrent;
using SyncEngine.Permissions;

namespace SyncEngine.Planning;

/// <summary>
/// Plans by role and text, valid for one version of the schema. Where the answer depends on the claims, each set of claims has its own
/// plan.
/// </summary>
/// <remarks>At most <see cref="MaxPlans"/> entries; when the cache is full, it is cleared. Used by any thread.</remarks>
sealed class PlanCache
{
    private const int MaxPlans = 10_000;

    private readonly ConcurrentDictionary<(string? Role, string? Claims, string Text), (long SchemaVersion, QueryPlan Plan)> plans = new();

    public QueryPlan? Find(string text, Principal principal, long schemaVersion) =>
        Find(principal.Role, claims: null, text, schemaVersion) is not { } shared ? null
        : shared.DependsOnClaims ? Find(principal.Role, principal.Claims, text, schemaVersion)
        : shared;

    public void Add(string text, Principal principal, long schemaVersion, QueryPlan plan)
    {
        if (plans.Count >= MaxPlans)
        {
            plans.Clear();
        }

        plans[(principal.Role, null, text)] = (schemaVersion, plan);
        if (plan.DependsOnClaims)
        {
            plans[(principal.Role, principal.Claims, text)] = (schemaVersion, plan);
        }
    }

    private QueryPlan? Find(string? role, string? claims, string text, long schemaVersion) =>
        plans.TryGetValue((role, claims, text), out var known) && known.SchemaVersion == schemaVersion ? known.Plan : null;
}
