using SyncEngine.Errors;

namespace SyncEngine.Planning;

/// <summary>What planning a query again gave: a plan, or the error that says why there is none.</summary>
public readonly record struct PlanOutcome(QueryPlan? Plan, SyncException? Error);
