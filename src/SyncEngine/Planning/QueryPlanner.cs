using System.Collections.Immutable;
using System.Text.Json;
using SyncEngine.Catalog;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Sql;
using SyncEngine.Sql.Binding;
using SyncEngine.Tiers;

namespace SyncEngine.Planning;

/// <summary>
/// The path from a text to its plan: <see cref="SelectStatement"/> → <see cref="BoundQuery"/> → <see cref="AuthorisedQuery"/> →
/// <see cref="QueryPlan"/>.
/// </summary>
/// <remarks>Stored: plans of the current schema, bounded by <see cref="PlanCache"/>.</remarks>
/// <param name="clockInterval">The interval at which queries that read the clock are run again; the plan's reason names it.</param>
public sealed class QueryPlanner(IQueryAnalyst analyst, ISchemaSource schemas, TimeSpan clockInterval)
{
    private readonly PlanCache cache = new();
    private readonly ValueCanonicaliser values = new(analyst);
    private readonly TierSelector tiers = new(analyst, clockInterval);

    /// <param name="isInvalidated">An earlier plan of this query is not valid any more: the cache is bypassed.</param>
    /// <exception cref="SyncException">The query's fault, with its position in the text as sent.</exception>
    public async Task<QueryPlan> PlanAsync(string text, Principal principal, bool isInvalidated, CancellationToken cancellationToken)
    {
        var schema = schemas.Current;
        if (!isInvalidated && cache.Find(text, principal, schema.Version) is { } known)
        {
            return known;
        }

        var statement = SelectStatement.Parse(text);
        var query = await AuthoriseAsync(statement, schema, principal, cancellationToken);
        var tier = await tiers.SelectAsync(query, cancellationToken);
        var plan = Compose(query, tier);
        cache.Add(text, principal, schema.Version, plan);
        return plan;
    }

    /// <summary>Brings a subscription's parameters into the text that the plan's types print.</summary>
    /// <exception cref="SyncException">type_mismatch, naming the parameter.</exception>
    public Task<ImmutableArray<string?>> CanonicaliseAsync(
        QueryPlan plan, IReadOnlyList<JsonElement> parameters, CancellationToken cancellationToken) =>
        values.ParametersAsync(plan, parameters, cancellationToken);

    private async Task<AuthorisedQuery> AuthoriseAsync(
        SelectStatement statement, DatabaseSchema schema, Principal principal, CancellationToken cancellationToken)
    {
        var query = await AuthorisedQuery.AuthoriseAsync(BoundQuery.Bind(statement, schema), principal, analyst, cancellationToken);
        if (query.IsWithinSchema)
        {
            return query;
        }

        // The schema has been read again for a relation made just now. It may know more than the query was bound to.
        return await AuthorisedQuery.AuthoriseAsync(BoundQuery.Bind(statement, schemas.Current), principal, analyst, cancellationToken);
    }

    private static QueryPlan Compose(AuthorisedQuery query, TierPlan tier)
    {
        var (statement, description, schema) = (query.Statement, query.Description, query.Query.Schema);
        var dependsOnClaims = DependsOnClaims(query, tier);
        var claims = dependsOnClaims ? query.Principal.Claims : null;
        return new QueryPlan(
            tier,
            new PlanStatement(statement.Source, ResultShaper.ReadSql(query), description.Parameters),
            ResultShaper.ShapeOf(query, tier),
            new PlanSources(
                description.Tables,
                description.Tables.Concat(description.Views).Distinct()
                    .Where(schema.Tables.ContainsKey)
                    .ToImmutableDictionary(oid => oid, oid => schema.Tables[oid].Fingerprint))
            {
                StreamedAfterXid = description.Tables
                    .Select(oid => schema.Tables.GetValueOrDefault(oid)?.StreamedAfterXid ?? 0)
                    .DefaultIfEmpty()
                    .Max(),
                ReadsClock = query.ReadsClock,
                ReadsAnything = description.HasOpaqueFunctions,
            },
            new PlanScope($"{query.Principal.Role}\n{claims}\n{statement.Text}", query.Principal, dependsOnClaims));
    }

    private static bool DependsOnClaims(AuthorisedQuery query, TierPlan tier)
    {
        var description = query.Description;
        return tier.MayReadClaims
            && (description.HasRowSecurity || description.ReadsSettings || description.HasOpaqueFunctions || !description.Views.IsEmpty
                || query.Statement.Mentions.Functions.Any(call => call.Name is "current_setting"));
    }
}
