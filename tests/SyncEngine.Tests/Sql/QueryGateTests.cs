using SyncEngine.Errors;
using SyncEngine.Sql;
using Xunit;

namespace SyncEngine.Tests.Sql;

public sealed class QueryGateTests
{
    [Theory]
    [InlineData("select  A , \"b\"/* c */ from T -- end", "select a, \"b\" from t")]
    [InlineData("SELECT f ( a ) , b.c , b . * , x :: int;", "select f(a), b.c, b.*, x::int")]
    [InlineData("SELECT 1 IN (1,2);;", "select 1 in (1, 2)")]
    [InlineData("SELECT E'a\\\\b', $$it's$$, U&'\\0061'", "select E'a\\\\b', 'it''s', 'a'")]
    [InlineData("SELECT a[1:2], ARRAY [ 1 ]", "select a[1 : 2], array[1]")]
    [InlineData("SELECT - - 1", "select - - 1")]
    [InlineData("VALUES (1)", "values(1)")]
    [InlineData("TABLE t", "table t")]
    [InlineData("((SELECT 1))", "((select 1))")]
    [InlineData("(WITH x AS (SELECT 1) TABLE x)", "(with x as (select 1) table x)")]
    [InlineData("SELECT N'a'", "select nchar 'a'")]
    public void A_query_is_printed_from_its_tokens(string text, string printed) => Assert.Equal(printed, SelectStatement.Parse(text).Text);

    [Theory]
    [InlineData("DELETE FROM t", 1, "DELETE is not a query")]
    [InlineData("(DELETE FROM t)", 2, "DELETE is not a query")]
    [InlineData("EXPLAIN ANALYZE DELETE FROM t", 1, "EXPLAIN is not a query")]
    [InlineData("copy t to stdout", 1, "COPY is not a query")]
    [InlineData("DO $$ begin end $$", 1, "DO is not a query")]
    [InlineData("CALL p()", 1, "CALL is not a query")]
    [InlineData("SET ROLE x", 1, "SET is not a query")]
    [InlineData("SELECT 1; DELETE FROM t", 11, "the text contains more than one statement")]
    [InlineData("SELECT 1;;SELECT 2", 10, "the text contains more than one statement")]
    [InlineData("WITH x AS (DELETE FROM t RETURNING 1) SELECT 1", 12, "DELETE changes data")]
    [InlineData("WITH x AS NOT MATERIALIZED (INSERT INTO t VALUES (1)) SELECT 1", 29, "INSERT changes data")]
    [InlineData("WITH x AS MATERIALIZED/**/( update t set a = 1) SELECT 1", 29, "UPDATE changes data")]
    [InlineData("WITH x(a, b) AS (SELECT 1, 2), y AS (MERGE INTO t USING x ON true) SELECT 1", 38, "MERGE changes data")]
    [InlineData("WITH x AS (SELECT 1) DELETE FROM t", 22, "DELETE changes data")]
    [InlineData("WITH x AS (WITH y AS (SELECT 1) DELETE FROM t RETURNING 1) SELECT 1", 33, "DELETE changes data")]
    [InlineData("SELECT (WITH y AS (DELETE FROM t RETURNING 1) SELECT 1)", 20, "DELETE changes data")]
    [InlineData(
        "WITH RECURSIVE a AS (SELECT 1) SEARCH DEPTH FIRST BY x, y SET z CYCLE x SET c TO 1 DEFAULT 2 USING p, b AS (DELETE FROM t) SELECT 1",
        109, "DELETE changes data")]
    [InlineData("SELECT 1 INTO t", 10, "SELECT INTO writes a table")]
    [InlineData("SELECT * INTO TEMP t FROM u", 10, "SELECT INTO writes a table")]
    [InlineData("(SELECT 1 into/**/t)", 11, "SELECT INTO writes a table")]
    [InlineData("SELECT * FROM t FOR UPDATE", 17, "row locks cannot be taken by a subscription")]
    [InlineData("SELECT * FROM t FOR NO KEY UPDATE SKIP LOCKED", 17, "row locks cannot be taken by a subscription")]
    [InlineData("SELECT * FROM (SELECT * FROM t FOR KEY SHARE) x", 32, "row locks cannot be taken by a subscription")]
    [InlineData("SELECT * FROM t FOR share", 17, "row locks cannot be taken by a subscription")]
    [InlineData("SELECT * FROM t TABLESAMPLE bernoulli (1)", 17, "TABLESAMPLE reads different rows each time")]
    [InlineData("SELECT * FROM t x TABLESAMPLE \"s\".\"system\"(1)", 19, "TABLESAMPLE reads different rows each time")]
    public void A_statement_that_does_more_than_read_is_refused(string text, int position, string message)
    {
        var error = Assert.Throws<SyncException>(() => SelectStatement.Parse(text));
        Assert.Equal((ErrorCode.SqlUnsupported, message, position), (error.Code, error.Message, error.Position ?? 0));
        Assert.NotNull(error.Hint);
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData(" -- nothing\n ;", 15)]
    [InlineData("(", 2)]
    [InlineData("SELECT (1", 10)]
    [InlineData("SELECT 1)", 9)]
    [InlineData("SELECT (1])", 10)]
    [InlineData("1", 1)]
    [InlineData("SELEC 1", 1)]
    [InlineData("\"select\" 1", 1)]
    [InlineData("SELECT $0", 8)]
    [InlineData("SELECT $65536", 8)]
    [InlineData("WITH x AS (\"delete\" from t) SELECT 1", 12)]
    [InlineData("WITH x SELECT 1", 8)]
    [InlineData("WITH x AS (SELECT 1) FROM y", 22)]
    public void A_text_that_is_no_query_is_a_syntax_error(string text, int position)
    {
        var error = Assert.Throws<SyncException>(() => SelectStatement.Parse(text));
        Assert.Equal((ErrorCode.SqlSyntaxError, position), (error.Code, error.Position ?? 0));
    }

    [Theory]
    [InlineData("SELECT 1 AS into, a.into, \"into\" FROM a")]
    [InlineData("SELECT sum(delete), update FROM t")]
    [InlineData("SELECT (1) delete FROM t")]
    [InlineData("WITH x AS (SELECT 1) SELECT sum(a) OVER w FROM x WINDOW w AS (update)")]
    [InlineData("SELECT * FROM f() AS (delete int)")]
    [InlineData("WITH delete AS (SELECT 1), time AS (SELECT 2), recursive AS (SELECT 3) SELECT 1")]
    [InlineData("WITH recursive AS (SELECT 1) SELECT 1")]
    [InlineData("WITH RECURSIVE recursive AS (SELECT 1) SELECT 1")]
    [InlineData("SELECT substring(a for update) FROM t")]
    [InlineData("SELECT substring('abc' from 1 for 2)")]
    [InlineData("SELECT 1 AS for")]
    [InlineData("SELECT * FROM t FOR READ ONLY")]
    [InlineData("SELECT 1 tablesample FROM t")]
    [InlineData("SELECT tablesample(1), a::tablesample FROM t")]
    [InlineData("SELECT 'DELETE; DROP TABLE t; --', \"INTO\", $$ FOR UPDATE $$")]
    [InlineData("SELECT 1 -- ; DELETE FROM t")]
    public void Words_that_are_only_names_are_let_through(string text) => Assert.NotEmpty(SelectStatement.Parse(text).Text);

    [Fact]
    public void Everything_that_may_run_code_is_mentioned()
    {
        var mentions = SelectStatement.Parse("""
            SELECT f(a), s.g (b), "S"."H"(c), d.s.i(1), coalesce(x, $2), (t).evil, current_date, a.user, b AS user, left('a', 1)
            FROM t WHERE a = 1 AND b OPERATOR(s.<@) 'now' AND c != 2 AND d IN (1, $11)
            """).Mentions;
        Assert.Equal(
            ["f", "s.g", "S.H", "s.i", "coalesce", "left", "operator"],
            mentions.Functions.Select(function => function.Schema is null ? function.Name : $"{function.Schema}.{function.Name}"));
        Assert.Equal(["=", "s.<@", "<>"], mentions.Operators.Select(use => use.Schema is null ? use.Name : $"{use.Schema}.{use.Name}"));
        Assert.Equal(["current_date"], mentions.KeywordCalls.Select(call => call.Name));
        Assert.Contains("evil", mentions.AttributeNames);
        Assert.Equal(11, mentions.HighestParameter);
        Assert.True(mentions.HasClockLiterals);
    }

    [Theory]
    [InlineData("SELECT pg_sleep/* ( */(1)", "pg_sleep")]
    [InlineData("SELECT pg_sleep -- x\n (1)", "pg_sleep")]
    [InlineData("SELECT PG_CATALOG . \"pg_read_file\" ('x')", "pg_catalog.pg_read_file")]
    [InlineData("SELECT U&\"set!005fconfig\" UESCAPE '!' ('role', 'x', false)", "set_config")]
    [InlineData("SELECT 1 WHERE nextval('s') = 1", "nextval")]
    [InlineData("SELECT * FROM dblink('', 'DELETE FROM t') AS t(a int)", "dblink")]
    [InlineData("SELECT * FROM t ORDER BY lo_import('/etc/passwd')", "lo_import")]
    [InlineData("VALUES (query_to_xml('DELETE FROM t', true, true, ''))", "query_to_xml")]
    [InlineData("SELECT CASE WHEN pg_advisory_lock(1) IS NULL THEN 1 END", "pg_advisory_lock")]
    [InlineData("SELECT 1 LIMIT pg_terminate_backend(1)::int", "pg_terminate_backend")]
    [InlineData("WITH x AS (SELECT pg_logical_emit_message(true, '', '')) SELECT * FROM x", "pg_logical_emit_message")]
    public void No_spelling_hides_a_function_call(string text, string function)
    {
        var functions = SelectStatement.Parse(text).Mentions.Functions;
        Assert.Contains(function, functions.Select(call => call.Schema is null ? call.Name : $"{call.Schema}.{call.Name}"));
    }

    [Fact]
    public void Names_that_differ_only_beyond_63_bytes_are_printed_as_the_one_that_PostgreSQL_would_find()
    {
        var name = new string('n', 63);
        Assert.Equal($"select \"{name}\", {name} from t", SelectStatement.Parse($"SELECT \"{name}secret\", {name}$other FROM t").Text);
    }

    [Theory]
    [InlineData("now", true)]
    [InlineData(" Tomorrow 12:00 ", true)]
    [InlineData("today allballs", true)]
    [InlineData("see you tomorrow", false)]
    [InlineData("2020-01-01", false)]
    public void Literals_that_mean_the_present_are_noticed(string literal, bool expected) =>
        Assert.Equal(expected, SelectStatement.Parse($"SELECT '{literal}'").Mentions.HasClockLiterals);

    [Fact]
    public void Positions_in_the_printed_text_lead_back_to_the_text_as_sent()
    {
        var query = SelectStatement.Parse("SELECT  '😀' /* 😀 */ ,\n  nosuch\n;");
        Assert.Equal("select '😀', nosuch", query.Text);
        Assert.Equal(9, query.MapPosition(8));
        Assert.Equal(25, query.MapPosition(13));
        Assert.Equal(25, query.MapPosition(16));
        Assert.Equal(33, query.MapPosition(19));
        Assert.Null(query.MapPosition(0));
        Assert.Null(query.MapPosition(20));
    }

    [Fact]
    public void Long_texts_are_read_in_time_that_grows_with_them()
    {
        var items = string.Join(',', Enumerable.Range(0, 100_000));
        Assert.Equal(200_007, SelectStatement.Parse($"SELECT 1 WHERE a IN ({items})").Tokens.Length);
    }
}
