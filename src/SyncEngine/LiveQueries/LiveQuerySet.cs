using System.Collections.Immutable;
using System.Text;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Planning;
using SyncEngine.Ports;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine.LiveQueries;

/// <summary>Every live query there is, by what it is and by the tables that it reads. Owned by the change processor.</summary>
sealed class LiveQuerySet(IChangeSource source, RelationMap relations, EngineOptions options)
{
    private readonly HashSet<LiveQuery> all = [];

    // The one that new subscriptions join. Two that were different may become the same with the schema; they live on side by side.
    private readonly Dictionary<(string Identity, string Parameters), LiveQuery> byIdentity = [];
    private readonly Dictionary<uint, TableEntry> tables = [];
    private readonly HashSet<LiveQuery> readingAnything = [];
    private readonly HashSet<LiveQuery> readingClock = [];
    private uint observedRelation;

    public IReadOnlyCollection<LiveQuery> All => all;

    public IReadOnlyCollection<LiveQuery> ReadingAnything => readingAnything;

    /// <summary>Their answers change by themselves.</summary>
    public IReadOnlyCollection<LiveQuery> ReadingClock => readingClock;

    /// <summary>A relation whose rows are kept although no query may read it; zero for none.</summary>
    public uint ObservedRelation
    {
        get => observedRelation;
        set
        {
            observedRelation = value;
            Watch();
        }
    }

    public LiveQuery FindOrAdd(QueryPlan plan, ImmutableArray<string?> parameters)
    {
        var identity = (plan.Identity, ParametersKey(parameters));
        if (!byIdentity.TryGetValue(identity, out var query))
        {
            query = new LiveQuery(Affordable(plan), parameters, options.ReplayBytes);
            byIdentity.Add(identity, query);
            Register(query);
        }

        return query;
    }

    /// <summary>
    /// Queries that no equality indexes are each tried against every change of their table; past the bound a further one is read by Postgres instead.
    /// </summary>
    private QueryPlan Affordable(QueryPlan plan) =>
        plan.SingleTable is { Equality: null } single && MatcherOf(single.RelationOid)?.ScannedCount >= options.ScannedQueriesPerTable
            ? plan with { Tier = new Tiers.Requery.RequeryPlan($"{options.ScannedQueriesPerTable} queries without an equality watch the table already") }
            : plan;

    public void Remove(LiveQuery query)
    {
        var identity = (query.Plan.Identity, ParametersKey(query.Parameters));
        if (ReferenceEquals(byIdentity.GetValueOrDefault(identity), query))
        {
            byIdentity.Remove(identity);
        }

        Unregister(query);
    }

    /// <summary>Goes on with another plan of the same shape; the result is read again.</summary>
    public void Replace(LiveQuery query, QueryPlan plan)
    {
        Remove(query);
        query.Plan = plan;
        byIdentity.TryAdd((plan.Identity, ParametersKey(query.Parameters)), query);
        Register(query);
    }

    public TableMatcher? MatcherOf(uint table) => tables.GetValueOrDefault(table)?.Matcher;

    /// <summary>Queries of the requery tier that read the table.</summary>
    public IReadOnlyCollection<LiveQuery> RequeriesOf(uint table) => tables.TryGetValue(table, out var entry) ? entry.Requeries : [];

    private void Register(LiveQuery query)
    {
        all.Add(query);
        var added = false;
        foreach (var table in query.Plan.Tables)
        {
            if (!tables.TryGetValue(table, out var entry))
            {
                entry = new TableEntry();
                tables.Add(table, entry);
                added = true;
            }

            entry.Readers++;
        }

        if (added)
        {
            var version = Watch();
            foreach (var entry in tables.Values.Where(entry => entry.WatchVersion == 0))
            {
                entry.WatchVersion = version;
            }
        }

        query.WatchVersion = query.Plan.Tables.Select(table => tables[table].WatchVersion).DefaultIfEmpty().Max();
        if (query.Plan.SingleTable is { } single)
        {
            query.Operands = single.OperandsOf(query.Parameters);
            var entry = tables[single.RelationOid];
            query.Template = entry.Matcher.TemplateFor(single, relations);
            query.Template.Add(query);
        }
        else
        {
            foreach (var table in query.Plan.Tables)
            {
                tables[table].Requeries.Add(query);
            }
        }

        if (query.Plan.ReadsAnything)
        {
            readingAnything.Add(query);
        }

        if (query.Plan.ReadsClock)
        {
            readingClock.Add(query);
        }
    }

    private void Unregister(LiveQuery query)
    {
        all.Remove(query);
        readingAnything.Remove(query);
        readingClock.Remove(query);
        if (query.Template is { } template)
        {
            template.Remove(query);
            tables[template.Plan.RelationOid].Matcher.RemoveIfUnused(template);
            query.Template = null;
            query.Operands = [];
        }

        var removed = false;
        foreach (var table in query.Plan.Tables)
        {
            var entry = tables[table];
            entry.Requeries.Remove(query);
            if (--entry.Readers == 0)
            {
                tables.Remove(table);
                removed = true;
            }
        }

        if (removed)
        {
            Watch();
        }
    }

    private long Watch() => source.Watch(observedRelation == 0 ? tables.Keys : [.. tables.Keys, observedRelation]);

    private static string ParametersKey(ImmutableArray<string?> parameters)
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

    private sealed class TableEntry
    {
        public TableMatcher Matcher { get; } = new();

        public HashSet<LiveQuery> Requeries { get; } = [];

        public int Readers { get; set; }

        public long WatchVersion { get; set; }
    }
}
