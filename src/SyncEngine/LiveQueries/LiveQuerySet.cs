using System.Collections.Immutable;
using System.Text;
using SyncEngine.Loop;
using SyncEngine.Planning;
using SyncEngine.Tiers;

namespace SyncEngine.LiveQueries;

/// <summary>All live queries, by identity and parameters. Owned by the loop.</summary>
sealed class LiveQuerySet(EngineContext context, TierSet tiers, RelationWatch watch)
{
    private readonly HashSet<LiveQuery> all = [];

    // New subscriptions join these. Two that were different may become the same with the schema; they live on side by side.
    private readonly Dictionary<(string Identity, string Parameters), LiveQuery> byIdentity = [];
    private readonly HashSet<LiveQuery> readingClock = [];

    public IReadOnlyCollection<LiveQuery> All => all;

    /// <summary>Queries whose result changes with time alone.</summary>
    public IReadOnlyCollection<LiveQuery> ReadingClock => readingClock;

    public LiveQuery FindOrAdd(QueryPlan plan, ImmutableArray<string?> parameters)
    {
        var identity = (plan.Identity, KeyOf(parameters));
        if (!byIdentity.TryGetValue(identity, out var query))
        {
            query = new LiveQuery(plan, parameters, context.Options.ReplayBytes);
            byIdentity.Add(identity, query);
            Place(query, WithRoom(plan));
        }

        return query;
    }

    public void Remove(LiveQuery query)
    {
        TakeOut(query);
        query.Result.Remove();
    }

    /// <summary>Goes on with another plan of the same shape and the same rows; the result is read again.</summary>
    public void Replace(LiveQuery query, QueryPlan plan)
    {
        Remove(query);
        byIdentity.TryAdd((plan.Identity, KeyOf(query.Parameters)), query);
        Place(query, WithRoom(plan));
    }

    /// <summary>The plan itself, which its queries share, unless its tier has no room for one more.</summary>
    private QueryPlan WithRoom(QueryPlan plan)
    {
        var tier = tiers.PlanWithRoom(plan.Tier);
        return ReferenceEquals(tier, plan.Tier) ? plan : plan with { Tier = tier };
    }

    private void Place(LiveQuery query, QueryPlan plan)
    {
        all.Add(query);
        query.WatchVersion = watch.Add(plan.Tables);
        query.Use(plan, tiers);
        if (plan.ReadsClock)
        {
            readingClock.Add(query);
        }
    }

    private void TakeOut(LiveQuery query)
    {
        var identity = (query.Plan.Identity, KeyOf(query.Parameters));
        if (ReferenceEquals(byIdentity.GetValueOrDefault(identity), query))
        {
            byIdentity.Remove(identity);
        }

        all.Remove(query);
        readingClock.Remove(query);
        watch.Remove(query.Plan.Tables);
    }

    private static string KeyOf(ImmutableArray<string?> parameters)
    {
        if (parameters.Length == 1)
        {
            return parameters[0] is { } only ? "1:" + only : "-";
        }

        // Length-prefixed, so that no two lists share a key.
        var key = new StringBuilder();
        foreach (var parameter in parameters)
        {
            _ = parameter is null ? key.Append('-') : key.Append(parameter.Length).Append(':').Append(parameter);
        }

        return key.ToString();
    }
}
