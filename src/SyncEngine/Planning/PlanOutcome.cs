using SyncEngine.Errors;

namespace SyncEngine.Planning;

/// <summary>The outcome of planning a query again; a closed set.</summary>
public abstract record PlanOutcome
{
    private protected PlanOutcome()
    {
    }
}

/// <summary>The query has a new plan.</summary>
public sealed record PlanReplaced(QueryPlan Plan) : PlanOutcome;

/// <summary>The query has no plan any more, for this reason.</summary>
public sealed record PlanRefused(SyncException Error) : PlanOutcome;
