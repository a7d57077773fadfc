using SyncEngine.Permissions;
using SyncEngine.Planning;

namespace SyncEngine.Tests.Simulation;

static class PlanExtensions
{
    /// <summary>The same plan, made for another reader.</summary>
    public static QueryPlan ReadBy(this QueryPlan plan, Principal reader, string? identity = null) =>
        plan with { Scope = plan.Scope with { Reader = reader, Identity = identity ?? plan.Identity } };
}
