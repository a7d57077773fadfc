using System.Collections.Frozen;

namespace SyncEngine.Sql.Parsing;

/// <summary>The reasons why constructs are not covered, as the plan gives them.</summary>
static class Reasons
{
    public const string Construct = "this construct is answered by PostgreSQL";
    public const string Expressions = "expressions are answered by PostgreSQL";
    public const string FunctionCalls = "function calls are answered by PostgreSQL";
    public const string Subqueries = "subqueries are answered by PostgreSQL";
    public const string Joins = "joins are answered by PostgreSQL";
    public const string RowComparisons = "row comparisons are answered by PostgreSQL";

    private static readonly FrozenSet<string> aggregates = new[]
    {
        "array_agg", "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "count", "every", "json_agg", "json_object_agg",
        "jsonb_agg", "jsonb_object_agg", "max", "min", "string_agg", "sum", "xmlagg",
    }.ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, string> words = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["with"] = "common table expressions are answered by PostgreSQL",
        ["values"] = "VALUES lists are answered by PostgreSQL",
        ["table"] = "the TABLE command is answered by PostgreSQL",
        ["select"] = Subqueries,
        ["exists"] = Subqueries,
        ["distinct"] = "DISTINCT is answered by PostgreSQL",
        ["group"] = "GROUP BY is answered by PostgreSQL",
        ["having"] = "HAVING is answered by PostgreSQL",
        ["window"] = "window functions are answered by PostgreSQL",
        ["over"] = "window functions are answered by PostgreSQL",
        ["union"] = "set operations are answered by PostgreSQL",
        ["intersect"] = "set operations are answered by PostgreSQL",
        ["except"] = "set operations are answered by PostgreSQL",
        ["join"] = Joins,
        ["inner"] = Joins,
        ["left"] = Joins,
        ["right"] = Joins,
        ["full"] = Joins,
        ["cross"] = Joins,
        ["natural"] = Joins,
        ["lateral"] = Joins,
        ["fetch"] = "FETCH FIRST is answered by PostgreSQL",
        ["for"] = "FOR clauses are answered by PostgreSQL",
        ["case"] = "CASE is answered by PostgreSQL",
        ["array"] = "arrays are answered by PostgreSQL",
        ["any"] = "comparisons with ANY and ALL are answered by PostgreSQL",
        ["some"] = "comparisons with ANY and ALL are answered by PostgreSQL",
        ["all"] = "comparisons with ANY and ALL are answered by PostgreSQL",
        ["like"] = "LIKE is answered by PostgreSQL",
        ["ilike"] = "ILIKE is answered by PostgreSQL",
        ["similar"] = "SIMILAR TO is answered by PostgreSQL",
        ["collate"] = "COLLATE is answered by PostgreSQL",
        ["at"] = "AT TIME ZONE is answered by PostgreSQL",
        ["symmetric"] = "BETWEEN SYMMETRIC is answered by PostgreSQL",
        ["row"] = RowComparisons,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The reason for a token that cannot be read in its place.</summary>
    public static string For(Token token) => token.Kind switch
    {
        TokenKind.Word when words.TryGetValue(token.Text, out var reason) => reason,
        TokenKind.Word when Keywords.ReadsClockOrSession(token.Text) => FunctionCalls,
        TokenKind.Operator or TokenKind.Parameter or TokenKind.String or TokenKind.Integer or TokenKind.Decimal => Expressions,
        TokenKind.Punctuation when token.Text is "::" or "[" => Expressions,
        _ => Construct,
    };

    public static string ForCall(Token name) =>
        aggregates.Contains(name.Text) ? "aggregates are answered by PostgreSQL"
        : name.Kind == TokenKind.Word && words.TryGetValue(name.Text, out var reason) ? reason
        : FunctionCalls;
}
