using System.Collections.Frozen;

namespace SyncEngine.Sql.Parsing;

/// <summary>Why a construct is not covered, in words for the plan.</summary>
static class Reasons
{
    public const string Construct = "this construct is answered by Postgres";
    public const string Expressions = "expressions are answered by Postgres";
    public const string FunctionCalls = "function calls are answered by Postgres";
    public const string Subqueries = "subqueries are answered by Postgres";
    public const string Joins = "joins are answered by Postgres";
    public const string RowComparisons = "row comparisons are answered by Postgres";

    private static readonly FrozenSet<string> Aggregates = new[]
    {
        "array_agg", "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "count", "every", "json_agg", "json_object_agg", "jsonb_agg",
        "jsonb_object_agg", "max", "min", "string_agg", "sum", "xmlagg",
    }.ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, string> Words = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["with"] = "common table expressions are answered by Postgres",
        ["values"] = "VALUES lists are answered by Postgres",
        ["table"] = "the TABLE command is answered by Postgres",
        ["select"] = Subqueries,
        ["exists"] = Subqueries,
        ["distinct"] = "DISTINCT is answered by Postgres",
        ["group"] = "GROUP BY is answered by Postgres",
        ["having"] = "HAVING is answered by Postgres",
        ["window"] = "window functions are answered by Postgres",
        ["over"] = "window functions are answered by Postgres",
        ["union"] = "set operations are answered by Postgres",
        ["intersect"] = "set operations are answered by Postgres",
        ["except"] = "set operations are answered by Postgres",
        ["join"] = Joins,
        ["inner"] = Joins,
        ["left"] = Joins,
        ["right"] = Joins,
        ["full"] = Joins,
        ["cross"] = Joins,
        ["natural"] = Joins,
        ["lateral"] = Joins,
        ["fetch"] = "FETCH FIRST is answered by Postgres",
        ["for"] = "FOR clauses are answered by Postgres",
        ["case"] = "CASE is answered by Postgres",
        ["array"] = "arrays are answered by Postgres",
        ["any"] = "comparisons with ANY and ALL are answered by Postgres",
        ["some"] = "comparisons with ANY and ALL are answered by Postgres",
        ["all"] = "comparisons with ANY and ALL are answered by Postgres",
        ["like"] = "LIKE is answered by Postgres",
        ["ilike"] = "ILIKE is answered by Postgres",
        ["similar"] = "SIMILAR TO is answered by Postgres",
        ["collate"] = "COLLATE is answered by Postgres",
        ["at"] = "AT TIME ZONE is answered by Postgres",
        ["symmetric"] = "BETWEEN SYMMETRIC is answered by Postgres",
        ["row"] = RowComparisons,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>For a token that cannot be read where it stands.</summary>
    public static string For(Token token) => token.Kind switch
    {
        TokenKind.Word when Words.TryGetValue(token.Text, out var reason) => reason,
        TokenKind.Word when Keywords.ReadsClockOrSession(token.Text) => FunctionCalls,
        TokenKind.Operator or TokenKind.Parameter or TokenKind.String or TokenKind.Integer or TokenKind.Decimal => Expressions,
        TokenKind.Punctuation when token.Text is "::" or "[" => Expressions,
        _ => Construct,
    };

    public static string ForCall(Token name) =>
        Aggregates.Contains(name.Text) ? "aggregates are answered by Postgres" : name.Kind == TokenKind.Word && Words.TryGetValue(name.Text, out var reason) ? reason : FunctionCalls;
}
