using SyncEngine.Sql;
using SyncEngine.Sql.Syntax;
using Xunit;

namespace SyncEngine.Tests.Sql.Parsing;

public sealed class SelectParserTests
{
    [Theory]
    [InlineData("SELECT * FROM t", "SELECT * FROM \"t\"")]
    [InlineData(
        "SELECT ALL a, t.b x, s.t.c AS \"C\", t.*, s.t.* FROM ONLY s.t",
        "SELECT \"a\", \"t\".\"b\" AS \"x\", \"s\".\"t\".\"c\" AS \"C\", \"t\".*, \"s\".\"t\".* FROM ONLY \"s\".\"t\"")]
    [InlineData(
        "SELECT a value, b AS select, c name FROM t", "SELECT \"a\" AS \"value\", \"b\" AS \"select\", \"c\" AS \"name\" FROM \"t\"")]
    [InlineData("SELECT time, position, timestamp FROM t AS u", "SELECT \"time\", \"position\", \"timestamp\" FROM \"t\" AS \"u\"")]
    [InlineData(
        "SELECT a FROM t ORDER BY a DESC NULLS LAST, 2, t.b ASC LIMIT 5 OFFSET $1 ROWS",
        "SELECT \"a\" FROM \"t\" ORDER BY \"a\" DESC NULLS LAST, 2, \"t\".\"b\" LIMIT 5 OFFSET $1")]
    [InlineData("SELECT a FROM t OFFSET 1 LIMIT ALL", "SELECT \"a\" FROM \"t\" LIMIT ALL OFFSET 1")]
    public void A_select_over_one_table_is_read(string text, string printed) => Assert.Equal(printed, SyntaxPrinter.Print(Parsed(text)));

    [Theory]
    [InlineData("a = 1 OR b = 2 AND NOT c", "(\"a\" = 1) OR ((\"b\" = 2) AND (NOT \"c\"))")]
    [InlineData("NOT a = 1 AND b", "(NOT (\"a\" = 1)) AND \"b\"")]
    [InlineData("a = 1 IS NULL", "(\"a\" = 1) IS NULL")]
    [InlineData("NOT a IS NULL", "NOT (\"a\" IS NULL)")]
    [InlineData("a IS DISTINCT FROM b = c", "\"a\" IS DISTINCT FROM (\"b\" = \"c\")")]
    [InlineData("a = b IN (1, 2)", "\"a\" = (\"b\" IN (1, 2))")]
    [InlineData("a BETWEEN 1 AND 2 AND b", "(\"a\" BETWEEN 1 AND 2) AND \"b\"")]
    [InlineData("a NOT BETWEEN - 1 AND - - 2 = true", "(\"a\" NOT BETWEEN -1 AND 2) = TRUE")]
    [InlineData("a NOT IN (1, NULL) ", "\"a\" NOT IN (1, NULL)")]
    [InlineData(
        "a IS NOT TRUE OR a IS NOT UNKNOWN OR a ISNULL OR a NOTNULL",
        "(\"a\" IS NOT TRUE) OR (\"a\" IS NOT UNKNOWN) OR (\"a\" IS NULL) OR (\"a\" IS NOT NULL)")]
    [InlineData("(a AND b) AND (c OR (d OR e))", "\"a\" AND \"b\" AND (\"c\" OR \"d\" OR \"e\")")]
    [InlineData(
        "a = '5'::int AND a = CAST($1 AS bigint) AND a = date '2020-01-01'",
        "(\"a\" = CAST('5' AS \"pg_catalog\".\"int4\")) AND (\"a\" = CAST($1 AS \"pg_catalog\".\"int8\")) AND (\"a\" = CAST('2020-01-01' AS \"date\"))")]
    [InlineData(
        "a = 'x'::character varying(3) AND b = timestamp with time zone 'x' AND c = 'y'::timestamp(3)",
        "(\"a\" = CAST('x' AS \"pg_catalog\".\"varchar\"(3))) AND (\"b\" = CAST('x' AS \"pg_catalog\".\"timestamptz\")) AND (\"c\" = CAST('y' AS \"pg_catalog\".\"timestamp\"(3)))")]
    [InlineData("a != E'\\\\' and s.t.a <= .5 and a>=1e5", "(\"a\" <> E'\\\\') AND (\"s\".\"t\".\"a\" <= .5) AND (\"a\" >= 1e5)")]
    [InlineData("a = '5'::\"char\" and a = -5", "(\"a\" = CAST('5' AS \"char\")) AND (\"a\" = -5)")]
    public void Conditions_bind_as_in_PostgreSQL(string condition, string printed) =>
        Assert.Equal(printed, SyntaxPrinter.Print(Parsed($"SELECT a FROM t WHERE {condition}").Where!));

    [Theory]
    [InlineData("SELECT DISTINCT a FROM t", "DISTINCT is answered by PostgreSQL", 8)]
    [InlineData("SELECT count(*) FROM t", "aggregates are answered by PostgreSQL", 8)]
    [InlineData("SELECT lower(a) FROM t", "function calls are answered by PostgreSQL", 8)]
    [InlineData("SELECT s.f(a) FROM t", "function calls are answered by PostgreSQL", 10)]
    [InlineData("SELECT current_date FROM t", "function calls are answered by PostgreSQL", 8)]
    [InlineData("SELECT a + 1 FROM t", "expressions are answered by PostgreSQL", 10)]
    [InlineData("SELECT a::text FROM t", "expressions are answered by PostgreSQL", 9)]
    [InlineData("SELECT 1", "expressions are answered by PostgreSQL", 8)]
    [InlineData("SELECT a", "a query without a table is answered by PostgreSQL", 9)]
    [InlineData("SELECT FROM t", "a result without columns is answered by PostgreSQL", 8)]
    [InlineData("SELECT a FROM t, u", "joins are answered by PostgreSQL", 16)]
    [InlineData("SELECT a FROM t LEFT JOIN u ON true", "joins are answered by PostgreSQL", 17)]
    [InlineData("SELECT a FROM t x JOIN u ON true", "joins are answered by PostgreSQL", 19)]
    [InlineData("SELECT a FROM (SELECT 1) x", "subqueries are answered by PostgreSQL", 15)]
    [InlineData("SELECT a FROM f(1)", "functions in FROM are answered by PostgreSQL", 16)]
    [InlineData("SELECT a FROM t x(a)", "column aliases of a table are answered by PostgreSQL", 18)]
    [InlineData("SELECT a FROM t GROUP BY a", "GROUP BY is answered by PostgreSQL", 17)]
    [InlineData("SELECT a FROM t UNION SELECT 1", "set operations are answered by PostgreSQL", 17)]
    [InlineData("SELECT a FROM t FOR READ ONLY", "FOR clauses are answered by PostgreSQL", 17)]
    [InlineData("SELECT a FROM t FETCH FIRST ROW ONLY", "FETCH FIRST is answered by PostgreSQL", 17)]
    [InlineData("WITH x AS (SELECT 1) SELECT 1 FROM x", "common table expressions are answered by PostgreSQL", 1)]
    [InlineData("VALUES (1)", "VALUES lists are answered by PostgreSQL", 1)]
    [InlineData("(SELECT a FROM t)", "a query in parentheses is answered by PostgreSQL", 1)]
    [InlineData("SELECT a FROM t WHERE a LIKE 'x'", "LIKE is answered by PostgreSQL", 25)]
    [InlineData("SELECT a FROM t WHERE a IN (SELECT 1)", "subqueries are answered by PostgreSQL", 29)]
    [InlineData("SELECT a FROM t WHERE EXISTS (SELECT 1)", "subqueries are answered by PostgreSQL", 23)]
    [InlineData("SELECT a FROM t WHERE a = (SELECT 1)", "subqueries are answered by PostgreSQL", 28)]
    [InlineData("SELECT a FROM t WHERE a = ANY($1)", "comparisons with ANY and ALL are answered by PostgreSQL", 27)]
    [InlineData("SELECT a FROM t WHERE (a, b) = (1, 2)", "row comparisons are answered by PostgreSQL", 25)]
    [InlineData("SELECT a FROM t WHERE a BETWEEN SYMMETRIC 1 AND 2", "BETWEEN SYMMETRIC is answered by PostgreSQL", 33)]
    [InlineData("SELECT a FROM t WHERE a = -1::int", "expressions are answered by PostgreSQL", 27)]
    [InlineData("SELECT a FROM t WHERE a = -b", "expressions are answered by PostgreSQL", 27)]
    [InlineData("SELECT a FROM t WHERE a::int = 1", "casts are answered by PostgreSQL", 24)]
    [InlineData("SELECT a FROM t WHERE a < 1 < 2", "expressions are answered by PostgreSQL", 29)]
    [InlineData("SELECT a FROM t WHERE a = 1 COLLATE \"C\"", "COLLATE is answered by PostgreSQL", 29)]
    [InlineData("SELECT a FROM t WHERE a = 'x'::text[]", "arrays are answered by PostgreSQL", 36)]
    [InlineData("SELECT a FROM t WHERE a OPERATOR(pg_catalog.=) 1", "this construct is answered by PostgreSQL", 25)]
    [InlineData("SELECT a FROM t WHERE a = interval '1 day'", "the type interval is left to PostgreSQL", 27)]
    [InlineData("SELECT a FROM t WHERE a = N'x'", "the type nchar is left to PostgreSQL", 27)]
    [InlineData("SELECT a FROM t LIMIT 1 + 1", "expressions are answered by PostgreSQL", 25)]
    [InlineData("SELECT a FROM t ORDER BY a USING <", "this construct is answered by PostgreSQL", 28)]
    [InlineData("SELECT a FROM t nonsense words", "this construct is answered by PostgreSQL", 26)]
    public void A_construct_that_is_not_covered_has_a_reason_and_a_position(string text, string reason, int position)
    {
        Assert.False(SelectStatement.Parse(text).Syntax.IsCovered(out _, out var refusal));
        Assert.Equal((reason, position), (refusal.Reason, refusal.Position ?? 0));
    }

    [Theory]
    [InlineData("(", ")", false)]
    [InlineData("NOT ", "", false)]
    [InlineData("a = 1 AND (b = 1 OR (", "))", true)]
    public void Deep_conditions_are_left_to_PostgreSQL(string before, string after, bool isHalved)
    {
        var depth = isHalved ? 480 : 900;
        var condition = string.Concat(Enumerable.Repeat(before, depth)) + "a" + string.Concat(Enumerable.Repeat(after, depth));
        Assert.False(SelectStatement.Parse($"SELECT a FROM t WHERE {condition}").Syntax.IsCovered(out _, out var refusal));
        Assert.StartsWith("conditions nested", refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Long_conditions_are_not_deep()
    {
        var condition = string.Join(" AND ", Enumerable.Range(0, 20_000).Select(number => $"a <> {number}"));
        var where = Assert.IsType<AndExpression>(Parsed($"SELECT a FROM t WHERE {condition}").Where);
        Assert.Equal(20_000, where.Conditions.Count);
    }

    private static SelectSyntax Parsed(string text)
    {
        var result = SelectStatement.Parse(text).Syntax;
        Assert.True(result.IsCovered(out var statement, out var refusal), refusal?.ToString());
        return statement;
    }
}
