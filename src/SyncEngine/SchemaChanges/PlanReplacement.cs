using System.Runtime.InteropServices;
using SyncEngine.Catalog;
using SyncEngine.Errors;
using SyncEngine.LiveQueries;
using SyncEngine.Planning;
using SyncEngine.Subscriptions;

namespace SyncEngine.SchemaChanges;

/// <summary>Applies a change of schema or rules to live queries: invalidates their plans, then replaces them. Owned by the loop.</summary>
sealed class PlanReplacement(Results results, SubscriptionStreams subscriptions, PlanValidity validity)
{
    /// <summary>Invalidates plans that may not be valid under a new schema. Their queries are not read until they have another.</summary>
    /// <returns>The plans, each once.</returns>
    public IReadOnlyList<QueryPlan> Invalidate(DatabaseSchema schema)
    {
        validity.Follow(schema);
        Dictionary<QueryPlan, bool> isInvalid = new(ReferenceEqualityComparer.Instance);
        HashSet<QueryPlan> invalidated = new(ReferenceEqualityComparer.Instance);
        foreach (var query in results.Queries.All)
        {
            ref var isOutdated = ref CollectionsMarshal.GetValueRefOrAddDefault(isInvalid, query.Plan, out var isKnown);
            if (!isKnown)
            {
                isOutdated = validity.IsInvalidated(query.Plan);
            }

            if (isOutdated || query.State.IsSuspended)
            {
                invalidated.Add(query.Plan);
                results.Updater.Invalidate(query);
            }
        }

        return [.. invalidated];
    }

    /// <summary>Gives queries of invalidated plans another plan, or ends their subscriptions with the reason why there is none.</summary>
    public void Replace(IReadOnlyDictionary<QueryPlan, PlanOutcome> outcomes)
    {
        foreach (var query in results.Queries.All.Where(query => outcomes.ContainsKey(query.Plan)).ToList())
        {
            if (outcomes[query.Plan] is not PlanReplaced { Plan: var plan })
            {
                subscriptions.End(query, ((PlanRefused)outcomes[query.Plan]).Error);
            }
            else if (!plan.HasSameShapeAs(query.Plan) || !HasSameParameters(plan, query.Plan))
            {
                subscriptions.End(
                    query, new SyncException(ErrorCode.SchemaChanged, "the columns of the result have changed", hint: "Subscribe again."));
            }
            else
            {
                Replace(query, plan);
            }
        }
    }

    private void Replace(LiveQuery query, QueryPlan plan)
    {
        if (plan.DependsOnClaims && EndOtherTokens(query, plan))
        {
            return;
        }

        var before = query.Plan.Tier;
        results.Cancel(query);
        results.Queries.Replace(query, plan);
        query.IsPlanChanged |= (before.Mode, before.Reason) != (query.Plan.Tier.Mode, query.Plan.Tier.Reason);
        foreach (var subscription in query.Subscriptions)
        {
            subscription.Plan = query.Plan;
        }

        results.Updater.Raise(query, LiveQueryEvent.PlanReplaced);
        results.Updater.FallBehind(query, results.Position);
    }

    /// <summary>Ends the subscriptions of other tokens: the result was shared by a role's tokens, and is the reader's own now.</summary>
    /// <returns>True when none is left.</returns>
    private bool EndOtherTokens(LiveQuery query, QueryPlan plan)
    {
        foreach (var other in query.Subscriptions.FindAll(subscription => subscription.Principal.Claims != plan.Reader.Claims))
        {
            subscriptions.End(
                other, new SyncException(ErrorCode.PermissionsChanged, "the rows depend on the token now", hint: "Subscribe again."));
        }

        return query.Subscriptions.Count == 0;
    }

    private static bool HasSameParameters(QueryPlan plan, QueryPlan other) =>
        plan.ParameterTypes.Select(type => type.Oid).SequenceEqual(other.ParameterTypes.Select(type => type.Oid));
}
