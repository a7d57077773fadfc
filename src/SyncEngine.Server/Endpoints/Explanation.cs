using SyncEngine.Planning;
using SyncEngine.Sql.Catalog;

namespace SyncEngine.Server.Endpoints;

/// <summary>The plan in full, for POST /explain.</summary>
sealed record Explanation(
    string Mode,
    string? Reason,
    IReadOnlyList<ColumnAnswer> Columns,
    IReadOnlyList<string> Key,
    bool Ordered,
    IReadOnlyList<string> Parameters,
    IReadOnlyList<WatchedRelation> Relations,
    PermissionAnswer Permissions,
    IndexAnswer? Index,
    SharingAnswer Sharing,
    string Sql)
{
    public static Explanation Of(QueryPlan plan, DatabaseSchema schema) => new(
        plan.Tier.Mode,
        plan.Tier.Reason,
        [.. plan.Columns.Select(ColumnAnswer.Of)],
        [.. plan.Key],
        plan.IsOrdered,
        [.. plan.ParameterTypes.Select(type => type.DisplayName)],
        [.. plan.Tables.Select(oid => WatchedRelation.Of(oid, plan, schema))],
        new PermissionAnswer(plan.Reader.Role, plan.DependsOnClaims),
        plan.Tier.Index is { } index ? new IndexAnswer(index.Column, index.Values) : null,
        new SharingAnswer(plan.Tier.TemplateKey, plan.DependsOnClaims ? "one result per set of claims and parameters" : "one result per role and parameters"),
        plan.ReadSql);
}

/// <param name="Columns">The columns watched; null for all.</param>
sealed record WatchedRelation(string Name, IReadOnlyList<string>? Columns)
{
    public static WatchedRelation Of(uint oid, QueryPlan plan, DatabaseSchema schema) => new(
        schema.Tables.TryGetValue(oid, out var table) ? $"{table.Schema}.{table.Name}" : $"relation {oid}",
        plan.Tier.ColumnsOf(oid));
}

/// <param name="Role">The role that the query is validated and run as; null for the engine's own.</param>
/// <param name="ByClaims">Policies or settings make the answer depend on the token's claims; they are applied by Postgres.</param>
sealed record PermissionAnswer(string? Role, bool ByClaims);

/// <summary>How a change finds the subscription.</summary>
/// <param name="Column">The indexed column; null when every change of the table is tried.</param>
sealed record IndexAnswer(string? Column, int Values);

sealed record SharingAnswer(string? Template, string Result);
