using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;

namespace SyncEngine.Server.Options;

/// <summary>The queries that may be subscribed, and how their names resolve.</summary>
sealed record QueryOptions
{
    public const string Section = "SyncEngine:Queries";

    /// <summary>The schemas in which unqualified names resolve, separated by commas. Default <c>public</c>.</summary>
    [Required]
    public string SearchPath { get; init; } = "public";

    /// <summary>
    /// Clients may send SQL of their own; else only named queries are accepted, and SQL is <c>adhoc_disabled</c>. Default true.
    /// </summary>
    public bool AllowAdHoc { get; init; } = true;

    /// <summary>Named queries by name: <c>Sql</c>, and <c>Parameters</c>, the names of $1, $2 … in order. Default: none.</summary>
    public Dictionary<string, NamedQueryOptions> Named { get; init; } = new(StringComparer.Ordinal);

    /// <summary>
    /// A folder of further named queries, one <c>name.sql</c> each, whose first line may be <c>-- params: room, limit</c>.
    /// Relative to the content root; may be missing. Default <c>queries</c>.
    /// </summary>
    public string Directory { get; init; } = "queries";

    /// <summary>The parts of <see cref="SearchPath"/>.</summary>
    internal ImmutableArray<string> Schemas =>
        [.. SearchPath.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];
}

/// <summary>The options of a query that clients call by its name.</summary>
sealed record NamedQueryOptions
{
    /// <summary>One SELECT, with $1, $2 … for its parameters.</summary>
    public string Sql { get; init; } = "";

    /// <summary>The names of $1, $2 … in order.</summary>
    public string[] Parameters { get; init; } = [];
}
