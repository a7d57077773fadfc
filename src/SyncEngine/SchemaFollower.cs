using System.Threading.Channels;
using SyncEngine.Catalog;
using SyncEngine.Errors;
using SyncEngine.Planning;
using SyncEngine.Ports;

namespace SyncEngine;

/// <summary>
/// The path of a schema change, top to bottom: a DDL message or the poll → the schema read again → plans invalidated → plans made again.
/// Then the live queries go on, or end with the error that says why.
/// </summary>
/// <remarks>
/// Lifecycle: <see cref="RunAsync"/> until cancelled. Backpressure: requests coalesce, one refresh answers all. Stored: nothing.
/// A DDL message pauses the stream until the schema has been read; plans follow in portions, and the first go on while the last are made.
/// </remarks>
public sealed class SchemaFollower
{
    private const int PlansAtOnce = 32;
    private static readonly TimeSpan retryInterval = TimeSpan.FromMilliseconds(250);

    private readonly LiveQueryEngine engine;
    private readonly QueryPlanner planner;
    private readonly ISchemaSource schemas;
    private readonly TimeProvider time;
    private readonly ChannelReader<bool> requests;

    public SchemaFollower(LiveQueryEngine engine, QueryPlanner planner, ISchemaSource schemas, TimeProvider time)
    {
        this.engine = engine;
        this.planner = planner;
        this.schemas = schemas;
        this.time = time;
        requests = engine.SchemaSignal.Follow();
        schemas.Changed += _ => engine.SchemaSignal.RequestRefresh();
    }

    /// <summary>A refresh or a plan failed and is tried again; for the log.</summary>
    public event Action<Exception>? RefreshFailed;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await foreach (var _ in requests.ReadAllAsync(cancellationToken))
        {
            try
            {
                if (await FollowAsync(cancellationToken))
                {
                    continue;
                }
            }
            catch (SyncException failure)
            {
                // The database is away: the stream is interrupted as well, and a new one asks again.
                RefreshFailed?.Invoke(failure);
            }

            await Task.Delay(retryInterval, time, cancellationToken);
            engine.SchemaSignal.RequestRefresh();
        }
    }

    /// <returns>False when PostgreSQL could not answer for some plan: its queries wait for the next try.</returns>
    private async Task<bool> FollowAsync(CancellationToken cancellationToken)
    {
        var isPaused = engine.SchemaSignal.TakePause();
        DatabaseSchema schema;
        try
        {
            schema = await schemas.RefreshAsync(cancellationToken);
        }
        catch when (isPaused)
        {
            engine.SchemaSignal.RequestPause();
            throw;
        }

        var isComplete = true;
        foreach (var portion in (await engine.InvalidatePlansAsync(schema, endsPause: isPaused, cancellationToken)).Chunk(PlansAtOnce))
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

            await engine.ReplacePlansAsync(outcomes, cancellationToken);
        }

        return isComplete;
    }

    private async Task<PlanOutcome?> PlanAgainAsync(QueryPlan invalidated, CancellationToken cancellationToken)
    {
        try
        {
            var plan = await planner.PlanAsync(invalidated.QueryText, invalidated.Reader, isInvalidated: true, cancellationToken);
            return new PlanReplaced(plan);
        }
        catch (SyncException refused) when (refused.Code.Class != ErrorClass.BackOff)
        {
            return new PlanRefused(refused);
        }
        catch (SyncException busy)
        {
            RefreshFailed?.Invoke(busy);
            return null;
        }
    }
}
