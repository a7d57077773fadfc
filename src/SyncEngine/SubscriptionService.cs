using System.Text.Json;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.LiveQueries;
using SyncEngine.Permissions;
using SyncEngine.Planning;

namespace SyncEngine;

/// <summary>A query that a client asks for: its text and the values of $1, $2, ….</summary>
public sealed record SubscribeRequest(string Query, IReadOnlyList<JsonElement> Parameters);

/// <summary>The path of a subscription, top to bottom: text → plan under the caller's role → parameters → live query.</summary>
/// <remarks>It has no state of its own; subscriptions belong to the engine's loop.</remarks>
public sealed class SubscriptionService(LiveQueryEngine engine, QueryPlanner planner)
{
    /// <exception cref="SyncException">The request is refused, with the reason.</exception>
    public async Task<Subscription> SubscribeAsync(Principal principal, SubscribeRequest request, CancellationToken cancellationToken)
    {
        if (!engine.IsStreaming)
        {
            throw new SyncException(
                ErrorCode.SourceUnavailable,
                "the stream of changes is not there yet",
                hint: "See /health/ready for the part that is not ready.");
        }

        try
        {
            return await PlanAndRegisterAsync(principal, request, isInvalidated: false, cancellationToken);
        }
        catch (SyncException raced) when (raced.Code == ErrorCode.SchemaChanged)
        {
            return await PlanAndRegisterAsync(principal, request, isInvalidated: true, cancellationToken);
        }
    }

    public Task<QueryPlan> ExplainAsync(Principal principal, string query, CancellationToken cancellationToken) =>
        planner.PlanAsync(query, principal, isInvalidated: false, cancellationToken);

    /// <exception cref="SyncException">With <c>unknown_subscription</c>, for one of another principal too.</exception>
    public Task UnsubscribeAsync(Principal principal, string id, CancellationToken cancellationToken) =>
        engine.UnregisterAsync(principal, id, cancellationToken);

    /// <summary>Gives a stream a newer token. Subscriptions whose plan uses claims are planned with the new ones.</summary>
    public async Task AuthenticateAsync(ClientStream stream, Principal principal, CancellationToken cancellationToken)
    {
        foreach (var subscription in await engine.AuthenticateAsync(stream, principal, cancellationToken))
        {
            try
            {
                var plan = await planner.PlanAsync(subscription.Plan.QueryText, principal, isInvalidated: false, cancellationToken);
                await engine.MoveAsync(subscription, plan, cancellationToken);
            }
            catch (SyncException refused)
            {
                // It does not go on under claims that have ended, for any reason; the others are not affected.
                await engine.EndAsync(subscription, refused, cancellationToken);
            }
        }
    }

    private async Task<Subscription> PlanAndRegisterAsync(
        Principal principal, SubscribeRequest request, bool isInvalidated, CancellationToken cancellationToken)
    {
        var plan = await planner.PlanAsync(request.Query, principal, isInvalidated, cancellationToken);
        var parameters = await planner.CanonicaliseAsync(plan, request.Parameters, cancellationToken);
        return await engine.RegisterAsync(principal, plan, parameters, cancellationToken);
    }
}
