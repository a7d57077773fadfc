using SyncEngine.Catalog;
using SyncEngine.Planning;

namespace SyncEngine.Server.Endpoints;

/// <summary>The plan in full, for POST /explain.</summary>
sealed record Explanation
{
    public required string Mode { get; init; }

    /// <summary>The reason why the mode is not a cheaper one; null when there is none.</summary>
    public required string? Reason { get; init; }

    public required IReadOnlyList<ColumnAnswer> Columns { get; init; }

    public required IReadOnlyList<string> Key { get; init; }

    public required bool Ordered { get; init; }

    /// <summary>The types of the parameters.</summary>
    public required IReadOnlyList<string> Parameters { get; init; }

    public required IReadOnlyList<WatchedRelation> Relations { get; init; }

    public required PermissionAnswer Permissions { get; init; }

    public required IndexAnswer? Index { get; init; }

    public required SharingAnswer Sharing { get; init; }

    /// <summary>The SQL that PostgreSQL is asked.</summary>
    public required string Sql { get; init; }

    public static Explanation Of(QueryPlan plan, DatabaseSchema schema) => new()
    {
        Mode = plan.Tier.Mode,
        Reason = plan.Tier.Reason,
        Columns = [.. plan.Columns.Select(ColumnAnswer.Of)],
        Key = [.. plan.Key],
        Ordered = plan.IsOrdered,
        Parameters = [.. plan.ParameterTypes.Select(type => type.DisplayName)],
        Relations = [.. plan.Tables.Select(oid => WatchedRelation.Of(oid, plan, schema))],
        Permissions = new PermissionAnswer(plan.Reader.Role, plan.DependsOnClaims),
        Index = plan.Tier.Index is { } index ? new IndexAnswer(index.Column, index.Values) : null,
        Sharing = SharingAnswer.Of(plan),
        Sql = plan.ReadSql,
    };
}

/// <param name="Columns">The columns watched; null for all.</param>
sealed record WatchedRelation(string Name, IReadOnlyList<string>? Columns)
{
    public static WatchedRelation Of(uint oid, QueryPlan plan, DatabaseSchema schema) => new(
        schema.Tables.TryGetValue(oid, out var table) ? $"{table.Schema}.{table.Name}" : $"relation {oid}",
        plan.Tier.ColumnsOf(oid));
}

/// <param name="Role">The role that the query is validated and run as; null for the engine's own.</param>
/// <param name="ByClaims">Policies or settings make the answer depend on the token's claims; PostgreSQL applies them.</param>
sealed record PermissionAnswer(string? Role, bool ByClaims);

/// <summary>The index by which a change finds the subscription.</summary>
/// <param name="Column">The indexed column; null when every change of the table is tried.</param>
sealed record IndexAnswer(string? Column, int Values);

/// <summary>The subscriptions that share work with this one.</summary>
sealed record SharingAnswer(string? Template, string Result)
{
    public static SharingAnswer Of(QueryPlan plan) => new(
        plan.Tier.TemplateKey, plan.DependsOnClaims ? "one result per set of claims and parameters" : "one result per role and parameters");
}
