using System.Text.Json;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Planning;
using SyncEngine.Ports;
using SyncEngine.LiveQueries;
using SyncEngine.Sql.Catalog;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine;

/// <summary>A query that a client asks for: its text and the values of $1, $2, ….</summary>
public sealed record SubscribeRequest(string Query, IReadOnlyList<JsonElement> Parameters);

/// <summary>
/// The path of a subscription, top to bottom: text → gated query → description under the caller's role → plan → live query. And the other
/// direction: when the schema changes, the plans that it makes doubtful are made again.
/// </summary>
/// <remarks>Lifecycle: <see cref="RunAsync"/> watches the schema until cancelled. Holds no state of its own but the wish for a refresh.</remarks>
public sealed class SubscriptionService
{
    private const int PlansAtOnce = 32;
    private static readonly TimeSpan retryInterval = TimeSpan.FromMilliseconds(250);

    private readonly ChangeProcessor processor;
    private readonly QueryPlanner planner;
    private readonly ISchemaSource schemas;
    private readonly TimeProvider time;
    // Coalesces: one refresh answers every message that came before it began.
    private readonly System.Threading.Channels.Channel<bool> refreshWanted =
        System.Threading.Channels.Channel.CreateBounded<bool>(new System.Threading.Channels.BoundedChannelOptions(1) { FullMode = System.Threading.Channels.BoundedChannelFullMode.DropWrite });
    private int isPausedByMessage;

    public SubscriptionService(ChangeProcessor processor, QueryPlanner planner, ISchemaSource schemas, TimeProvider time)
    {
        this.processor = processor;
        this.planner = planner;
        this.schemas = schemas;
        this.time = time;
        processor.SchemaMessage += () =>
        {
            Volatile.Write(ref isPausedByMessage, 1);
            refreshWanted.Writer.TryWrite(true);
        };
        processor.SchemaDoubt += () => refreshWanted.Writer.TryWrite(true);
        schemas.Changed += _ => refreshWanted.Writer.TryWrite(true);
    }

    /// <summary>What went wrong while the schema was read again; for the log.</summary>
    public event Action<Exception>? RefreshFailed;

    /// <exception cref="SyncException">Whatever is wrong with the request.</exception>
    public async Task<Subscription> SubscribeAsync(Principal principal, SubscribeRequest request, CancellationToken cancellationToken)
    {
        if (!processor.IsStreaming)
        {
            throw new SyncException(ErrorCode.SourceUnavailable, "the stream of changes is not there yet", hint: "See /health/ready for what it waits for.");
        }

        try
        {
            return await RegisterAsync(principal, request, isDoubtful: false, cancellationToken);
        }
        catch (SyncException raced) when (raced.Code == ErrorCode.SchemaChanged)
        {
            return await RegisterAsync(principal, request, isDoubtful: true, cancellationToken);
        }
    }

    private async Task<Subscription> RegisterAsync(Principal principal, SubscribeRequest request, bool isDoubtful, CancellationToken cancellationToken)
    {
        var plan = await planner.PlanAsync(request.Query, principal, isDoubtful, cancellationToken);
        var parameters = await planner.CanonicaliseAsync(plan, request.Parameters, cancellationToken);
        return await processor.RegisterAsync(principal, plan, parameters, cancellationToken);
    }

    public Task<QueryPlan> ExplainAsync(Principal principal, string query, CancellationToken cancellationToken) =>
        planner.PlanAsync(query, principal, isDoubtful: false, cancellationToken);

    /// <summary>A newer token for a connection's stream: subscriptions whose plan uses claims are planned with the new ones.</summary>
    public async Task AuthenticateAsync(ClientStream stream, Principal principal, CancellationToken cancellationToken)
    {
        foreach (var subscription in await processor.AuthenticateAsync(stream, principal, cancellationToken))
        {
            try
            {
                var plan = await planner.PlanAsync(subscription.Plan.QueryText, principal, isDoubtful: false, cancellationToken);
                await processor.MoveAsync(subscription, plan, cancellationToken);
            }
            catch (SyncException refused)
            {
                // Whatever the reason, it does not go on under claims that are no more; the others do not pay for it.
                await processor.EndAsync(subscription, refused, cancellationToken);
            }
        }
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await foreach (var _ in refreshWanted.Reader.ReadAllAsync(cancellationToken))
        {
            try
            {
                if (await FollowSchemaAsync(cancellationToken))
                {
                    continue;
                }
            }
            catch (SyncException failure)
            {
                // The database is away: the stream is interrupted as well, and tells when it is back.
                RefreshFailed?.Invoke(failure);
            }

            await Task.Delay(retryInterval, time, cancellationToken);
            refreshWanted.Writer.TryWrite(true);
        }
    }

    /// <returns>False when PostgreSQL could not answer for some plan at present: its queries stand still until the next try.</returns>
    private async Task<bool> FollowSchemaAsync(CancellationToken cancellationToken)
    {
        var wasPaused = Interlocked.Exchange(ref isPausedByMessage, 0) == 1;
        DatabaseSchema schema;
        try
        {
            schema = await schemas.RefreshAsync(cancellationToken);
        }
        catch
        {
            if (wasPaused)
            {
                Volatile.Write(ref isPausedByMessage, 1);
            }

            throw;
        }

        var doubtful = wasPaused
            ? await processor.ResumeAfterSchemaChangeAsync(schema, cancellationToken)
            : await processor.OnSchemaChangedAsync(schema, cancellationToken);
        var isComplete = true;
        // In portions: the first ones go on while the last ones are still being planned.
        foreach (var portion in doubtful.Chunk(PlansAtOnce))
        {
            Dictionary<QueryPlan, PlanOutcome> outcomes = new(ReferenceEqualityComparer.Instance);
            foreach (var plan in portion)
            {
                if (await PlanAgainAsync(plan, cancellationToken) is { } outcome)
                {
                    outcomes.Add(plan, outcome);
                }
                else
                {
                    isComplete = false;
                }
            }

            await processor.ReplacePlansAsync(outcomes, cancellationToken);
        }

        return isComplete;
    }

    private async Task<PlanOutcome?> PlanAgainAsync(QueryPlan doubtful, CancellationToken cancellationToken)
    {
        try
        {
            return new PlanOutcome(await planner.PlanAsync(doubtful.QueryText, doubtful.Reader, isDoubtful: true, cancellationToken), null);
        }
        catch (SyncException refused) when (refused.Code.Class != ErrorClass.BackOff)
        {
            return new PlanOutcome(null, refused);
        }
        catch (SyncException busy)
        {
            RefreshFailed?.Invoke(busy);
            return null;
        }
    }
}
