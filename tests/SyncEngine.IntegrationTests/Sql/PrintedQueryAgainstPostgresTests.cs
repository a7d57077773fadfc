using Npgsql;
using SyncEngine.Errors;
using SyncEngine.Sql;
using SyncEngine.Sql.Syntax;
using Xunit;

namespace SyncEngine.IntegrationTests.Sql;

/// <summary>
/// The text that the gate prints must mean to PostgreSQL what was sent: accepted when that is, with the same columns and rows, or refused
/// for the same
/// reason at the same place.
/// </summary>
public sealed class PrintedQueryAgainstPostgresTests(ParsingDatabase database) : IClassFixture<ParsingDatabase>
{
    private const int Seed = 20201120;

    private static readonly string[] Expressions =
    [
        "1", "-1", "- -1", "+1", "1.5", ".5", "1.", "1e5", "1.5E-3", "1 - -1", "1--1\n", "2*-1", "2^-1", "@-5", "@ -5", "5!=-5", "5<>-5",
        "5>=-5", "1<-1", "|/ 4", "||/27.0", "~1", "5 # 3",
        "5 & -3", "1<<2", "17 % -5", "2147483648", "-2147483648", "9223372036854775808", "1_000", "0x1F", "0o17", "0b11", "1x", "1e",
        "1.5.5", "1..2", "$1a", "$0", "$x", "1 a", "1a",
        "'a'", "'it''s'", "''", "'a\\nb'", "'a\\'", "E'a\\nb\\t\\\\'", "E'\\'quoted\\''", "E'\\x41\\101\\u00e9\\U0001F600'",
        "E'\\xc3\\xa9'", "E'\\ud83d\\ude00'", "e'\\q\\b\\f\\r'", "E'\\u12'",
        "E'\\0'", "E'\\xff'", "E'\\ud83d'", "E'\\ud83dx'", "E'\\ude00'", "E'\\U00110000'", "E'\\777'", "E'\\x'", "E'\\8'", "E'a''b'",
        "E'a\n\\\nb'",
        "'a'\n'b'", "'a' 'b'", "'a' -- c\n 'b'", "'a' /* \n */ 'b'", "'a'\n-- c\n\n'b'\n'c'", "E'\\n'\n'\\n'", "'a'\nE'b'", "'a\n' 'b'",
        "'a'\t\r'b'",
        "U&'d\\0061t\\+000061'", "U&'d!0061' UESCAPE '!'", "U&'d\\\\x'", "U&'\\D83D\\DE00'", "U&'\\D83D'", "U&'\\0000'", "U&'\\12'",
        "U&'a' UESCAPE '+'", "U&'a' UESCAPE 'ab'", "U&'a' UESCAPE",
        "U&'!!' /* c */ uescape '!'", "U&'a' UESCAPE ' '", "U&'a' UESCAPE $$!$$", "U&'a' UESCAPE E'!'", "u&'\\0061'\n'\\0062'", "U&'it''s'",
        "U & 'a'", "U&'\\+110000'", "U&'a' uescape ''''",
        "$$it's$$", "$q$a$$b$q$", "$q$a$Q$b$q$", "$q$a", "$é$x$é$", "$1$x$1$", "$$a$$$$b$$", "a$$b$$", "$a$$b$$a$", "$a$ $a$a$", "B'101'",
        "b'12'", "X'1F'", "x'1G'", "N'abc'", "n'it''s'", "B'1'\n'0'", "N'a\\b'",
        "U&\"C d\"", "U&\"C\\0020d\"", "U&\"C!0020d\" UESCAPE '!'", "\"C d\"", "\"c d\"", "\"\"", "\"a", "\"a\"\"b\"", "É", "é", "\"É\"",
        "a", "A", "\"A\"", "update", "delete", "time", "t.a", "t . a", "T.\"C d\"", "public.t.a",
        "t.*", "t", "(t).a", "(t).*", "arr[1]", "arr[1:2]", "arr[:2]", "arr[1 : ]", "array[1,2]", "ARRAY[[1],[2]]", "(array[1,2])[1]",
        "'{1,2}'::int[]", "a::text", "a :: text", "a::text::int", "'5'::int4", "-1::int", "(-1)::int2",
        "CAST(a AS bigint)", "int '5'", "date '2020-01-01'", "timestamp with time zone '2020-01-01 10:00+02'", "interval '1 day'",
        "interval '1' day", "numeric(10,2) '1.555'", "double precision '1'", "a::double precision",
        "a::numeric(10,2)", "b::character varying(3)", "b::char", "b::\"char\"", "b::varchar(2)", "time '10:00' at time zone 'utc'",
        "now() at time zone 'utc' is null", "a IS NULL", "a ISNULL", "a NOTNULL", "a IS DISTINCT FROM 1", "a = 1 IS NULL",
        "NOT a = 1", "a BETWEEN 1 AND 2", "a NOT BETWEEN SYMMETRIC 2 AND 1", "a IN (1,2,NULL)", "a NOT IN (1)", "b LIKE 'x%'",
        "b ILIKE E'X\\\\%' ESCAPE '!'", "b SIMILAR TO 'x'", "b ~ '^x'", "b !~* 'X'", "b ~~ 'x'", "b || 'y'",
        "a < 1 < 2", "a = 1 = true", "a = ANY(ARRAY[1])", "a = ANY('{1}')", "a OPERATOR(pg_catalog.=) 1", "a OPERATOR ( pg_catalog . + ) 1",
        "j->'k'", "j->>'k'", "j #> '{k}'", "j @> '{}'", "j ? 'k'", "j ?| array['k']", "j @? '$.k'", "j->'k'->0",
        "s.twice(2)", "s . twice ( 2 )", "\"s\".\"twice\"(2)", "postgres.s.twice(2)", "twice(2)", "lower('A')", "LOWER ( 'A' )",
        "coalesce(b,'z')", "greatest(1,2)", "nullif(1,1)", "count(*) OVER ()", "sum(a) OVER (PARTITION BY b ORDER BY a)",
        "extract(year from date '2020-01-01')", "substring('abc' from 2 for 1)", "substring('abc' for update)",
        "overlay('abc' placing 'x' from 1 for 1)", "trim(both 'x' from 'xax')", "position('b' in 'abc')", "make_interval(days => 1)",
        "make_interval(days=>-1)",
        "make_interval(days := 1)", "current_user", "current_schema", "current_schema()", "CASE WHEN a=1 THEN 'x' ELSE 'y' END",
        "CASE a WHEN 1 THEN 2 END", "EXISTS(SELECT 1)", "(SELECT 1)", "((1))", "ROW(1,2)", "(1,2)=(1,2)", "(1,2)",
        "b COLLATE \"C\"", "COLLATION FOR (b) IS NULL", "true AND false OR NULL", "a AS into", "a AS \"into\"", "a label", "a AS select",
        "a value", "a select", "a day", "a AS day", "a user", "1 AS for", "{", "a ! b", "a !", "1 @@@ 2", "a ?", "`a`", "\\",
        "1)", "(1", "[1]", "1,", ",1", ";1", "a:b", "a:=1", "=>1", "1 => 2", "*", "* , a", "a.*.b", "t.a.b.c.d", "1 /* /* nested */ */",
        "1 /* open", "1 */ 2", "1 -- end", "2 */* c */3", "2*/**/3", "@--c\n-5", "a+++a", "a+-+a", "a-+-a", "a<>-1", "a<=-1", "5 !=- 5",
        "1 %-1", "1<@-1",
        "\"" + "123456789012345678901234567890123456789012345678901234567890123456789" + "\"",
        "a AS \"ééééééééééééééééééééééééééééééééééééééééx\"", "a AS aééééééééééééééééééééééééééééééééééééééééx", "a AS 😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
        "a AS " + "Xabcdefghij_abcdefghij_abcdefghij_abcdefghij_abcdefghij_abcdefghij_abcdefghij",
        "$1::int", "$1::int + $2", "$2::int", "a = $1", "b = $01", "$1 || $1",
    ];

    private static readonly string[] Queries =
    [
        "VALUES (1), (2)", "VALUES (1, 'a'), (2, E'\\n') ORDER BY 1 LIMIT 1", "TABLE t", "TABLE s.u;", "(SELECT 1)",
        "((SELECT 1) UNION ALL (VALUES (2))) ORDER BY 1", "SELECT", "SELECT FROM t", "SELECT 1;", "SELECT 1;;", "SELECT 1 ; -- done",
        "WITH x AS (SELECT 1 AS n) SELECT n FROM x",
        "WITH x(n) AS MATERIALIZED (VALUES (1)), y AS NOT MATERIALIZED (TABLE x) SELECT * FROM y",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r",
        "WITH RECURSIVE r(n, m) AS (SELECT 1, 1 UNION ALL SELECT n + 1, m FROM r WHERE n < 3) SEARCH DEPTH FIRST BY n, m SET o CYCLE n SET c USING p SELECT n, c FROM r",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) CYCLE n SET c TO 'Y'::text DEFAULT 'N' USING p, z AS (SELECT 1) SELECT n, c FROM r, z",
        "WITH recursive AS (SELECT 1) TABLE recursive", "WITH RECURSIVE recursive AS (SELECT 1) TABLE recursive",
        "WITH delete AS (SELECT 1) SELECT * FROM delete", "WITH time AS (SELECT 1) SELECT * FROM time", "WITH x AS SELECT 1",
        "WITH x AS () SELECT 1", "WITH x AS (SELECT 1)", "WITH x AS (SELECT 1), SELECT 1", "WITH select AS (SELECT 1) SELECT 1",
        "WITH x AS ((SELECT 1)) SELECT * FROM x",
        "SELECT * FROM t, s.u", "SELECT * FROM t JOIN s.u ON t.a = u.id", "SELECT t.a, u.* FROM t LEFT JOIN s.u USING (a)",
        "SELECT * FROM t x(p, q) WHERE p = 1", "SELECT * FROM ONLY t", "SELECT * FROM ONLY (t)", "SELECT * FROM t *",
        "SELECT a FROM t AS \"T\" WHERE \"T\".a = 1", "SELECT a FROM t AS \"T\" WHERE T.a = 1",
        "SELECT * FROM generate_series(1, 3) WITH ORDINALITY AS g(v, n)",
        "SELECT * FROM ROWS FROM (generate_series(1,2), generate_series(3,4)) AS r", "SELECT * FROM unnest(ARRAY[1,2]) AS u(delete)",
        "SELECT * FROM json_to_record('{\"delete\":1}') AS (delete int)", "SELECT * FROM t, LATERAL (SELECT t.a + 1) l",
        "SELECT sum(a) OVER w FROM t WINDOW w AS (PARTITION BY b)",
        "SELECT sum(a) OVER w2 FROM t WINDOW update AS (ORDER BY a), w2 AS (update)",
        "SELECT a, count(*) FROM t GROUP BY a HAVING count(*) > 0 ORDER BY 1 DESC NULLS LAST",
        "SELECT a FROM t GROUP BY GROUPING SETS ((a), ()) ORDER BY 1", "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b",
        "SELECT a FROM t ORDER BY a USING <", "SELECT a FROM t ORDER BY a LIMIT ALL OFFSET 0 ROWS",
        "SELECT a FROM t ORDER BY a FETCH FIRST 1 ROW WITH TIES", "SELECT a FROM t FOR READ ONLY",
        "SELECT 1 INTERSECT SELECT 1 EXCEPT SELECT 2", "SELECT count(*) FILTER (WHERE a > 1) FROM t",
        "SELECT string_agg(b, ',' ORDER BY b) FROM t",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t", "SELECT 1 tablesample", "SELECT a \"b\" \"c\" FROM t", "SELEC 1",
        "SELECT 1 FROM nosuch", "SELECT nosuch FROM t", "SELECT a FROM t WHERE", "SELECT a FROM t WHERE b = 1",
        "SELECT a FROM t  ORDER  BY  nosuch", "SELECT  'é😀', nosuch FROM t", "SELECT /* é */ 'é' || nosuch('x')",
        "\uFEFFSELECT 1", "SELECT\u00A01", "SELECT\u00A01 AS x", "SELECT 1 AS x\u3000", "select(1)", "SELECT(1)+(2)", "SELECT'a'",
        "SELECT\"C d\"FROM\"t\"", "SELECT a FROM t WHERE a=1AND true", "SELECT a FROM t WHERE(a)=(1)", "SELECT 1UNION SELECT 2",
        "SELECT xmlelement(name foo, 'x')",
    ];

    private static readonly string[] Pieces =
    [
        "a", "b", "e", "E", "u", "U&", "n", "x", "é", "_", "$", "$1", "$$", "$q$", "0", "1", "1.5", ".5", "1.", "1e5", "'", "''", "'it''s'",
        "E'\\n'", "E'\\\\'", "'\\'", "U&'\\0061'", "B'10'", "N'a'", "\"", "\"a\"", "uescape", "'!'",
        "(", ")", "[", "]", ",", ".", ":", "::", ":=", "..", "+", "-", "*", "/", "<", ">", "=", "!", "@", "#", "%", "^", "&", "|", "?", "~",
        "--", "-- c\n", "/*", "*/", "/* c */", " ", "\n", "\t", "as", "is null", "int", "text", "from t",
    ];

    [Fact]
    public async Task Printed_expressions_mean_what_was_sent() =>
        await AssertSameAsync([.. Expressions.Select(Query)], atLeastAdmitted: 200, atLeastAccepted: 150);

    [Fact]
    public async Task Printed_queries_mean_what_was_sent() => await AssertSameAsync(Queries, atLeastAdmitted: 55, atLeastAccepted: 45);

    [Fact]
    public async Task Random_tokens_mean_what_was_sent()
    {
        var random = new Random(Seed);
        var texts = Enumerable.Range(0, 1500).Select(
            _ => "SELECT a " + string.Concat(Enumerable.Range(0, random.Next(1, 7)).Select(_ => Pieces[random.Next(Pieces.Length)])));
        await AssertSameAsync([.. texts], atLeastAdmitted: 500, atLeastAccepted: 1);
    }

    [Fact]
    public async Task Random_operands_and_operators_mean_what_was_sent()
    {
        string[] operands =
        [
            "1", "2.5", ".5", "1e2", "'7'", "E'\\x37'", "U&'\\0037'", "$$8$$", "$a$9$a$", "'1'\n'2'", "(3)", "4::int", "'5'::numeric", "a",
            "\"C d\"", "T.a", "- 1", "-1", "@-3",
        ];
        string[] operators =
        [
            "+", "-", "*", "||", "<", ">=", "<>", "!=", "=", "- -", "+-", "*-", "<-", "||-", "@-", "::text||", " IS DISTINCT FROM ",
            " AND ", ",", " x, ",
        ];
        string[] blanks = ["", "", "", " ", "\n", "/**/", "/* -- */", "--\n", "\t"];
        var random = new Random(Seed);
        string One(string[] choices) => choices[random.Next(choices.Length)];
        var texts = Enumerable.Range(0, 1000).Select(_ =>
            "SELECT "
            + One(operands)
            + string.Concat(Enumerable.Range(0, random.Next(0, 4)).Select(_ => One(blanks) + One(operators) + One(blanks) + One(operands)))
            + " FROM t ORDER BY t.a");
        await AssertSameAsync([.. texts], atLeastAdmitted: 900, atLeastAccepted: 300);
    }

    /// <summary>The parser's precedence is PostgreSQL's: its tree, printed with every parenthesis, selects the same rows.</summary>
    [Fact]
    public async Task Parsed_conditions_mean_what_was_sent()
    {
        string[] operands =
        [
            "a", "update", "delete", "t.a", "1", "2", "-1", "NULL", "true", "false", "'1'", "'t'", "'2'::int", "CAST(1 AS int8)",
            "bool 't'", "(a = 1)", "(delete)",
        ];
        string[] operators =
        [
            "=", "<>", "<", ">=", " AND ", " OR ", " AND NOT ", " OR NOT ", " IS DISTINCT FROM ", " IS NOT DISTINCT FROM ",
            " BETWEEN 0 AND ", " NOT BETWEEN -1 AND ",
        ];
        string[] suffixes =
        [
            "", "", "", " IS NULL", " IS NOT NULL", " IS TRUE", " IS NOT FALSE", " IS UNKNOWN", " ISNULL", " NOTNULL", " IN (1, 2)",
            " NOT IN (NULL, 1)", " IN (true)",
        ];
        var random = new Random(Seed);
        string One(string[] choices) => choices[random.Next(choices.Length)];
        var (accepted, kept) = (0, 0);
        var differences = new List<string>();
        await using var connection = await database.DataSource.OpenConnectionAsync();
        for (var count = 0; count < 3000; count++)
        {
            var condition = (random.Next(5) == 0 ? "NOT " : "") + One(operands) + One(suffixes) + string.Concat(
                Enumerable.Range(0, random.Next(1, 5)).Select(_ => One(operators) + One(operands) + One(suffixes)));
            var text = $"SELECT a, b FROM t WHERE {condition}";
            var sent = await AskAsync(connection, text, 0);
            if (!SelectStatement.Parse(text).Syntax.IsCovered(out var statement, out _))
            {
                continue;
            }

            var parsed = await AskAsync(connection, SyntaxPrinter.Print(statement), 0);
            accepted += sent.SqlState is null ? 1 : 0;
            kept += sent.Rows.Length > 0 ? 1 : 0;
            if ((sent.Columns, sent.Rows, sent.SqlState) != (parsed.Columns, parsed.Rows, parsed.SqlState))
            {
                differences.Add($"{text}\n  parsed: {SyntaxPrinter.Print(statement)}\n  sent: {sent}\n  parsed: {parsed}");
            }
        }

        Assert.True(differences.Count == 0, $"seed {Seed}, {differences.Count} differences\n{string.Join('\n', differences)}");
        Assert.True(accepted >= 200 && kept >= 50, $"{accepted} accepted, {kept} with rows");
    }

    /// <summary>Expressions name the database "postgres".</summary>
    private string Query(string expression) =>
        $"SELECT {expression.Replace("postgres.", database.Name + ".", StringComparison.Ordinal)}\nFROM t ORDER BY t.a";

    private async Task AssertSameAsync(IReadOnlyList<string> texts, int atLeastAdmitted, int atLeastAccepted)
    {
        var (admitted, accepted) = (0, 0);
        var differences = new List<string>();
        await using var connection = await database.DataSource.OpenConnectionAsync();
        foreach (var text in texts)
        {
            SelectStatement query;
            try
            {
                query = SelectStatement.Parse(text);
            }
            catch (SyncException error)
            {
                var refused = await AskAsync(connection, text, 0);
                if (refused.SqlState is null)
                {
                    differences.Add($"{text}\n  refused here: {error.Code} {error.Message}\n  there: {refused}");
                }

                continue;
            }

            admitted++;
            var sent = await AskAsync(connection, text, query.Mentions.HighestParameter);
            var printed = await AskAsync(connection, query.Text, query.Mentions.HighestParameter);
            accepted += sent.SqlState is null ? 1 : 0;
            var mapped = printed with { Position = printed.Position == 0 ? 0 : query.MapPosition(printed.Position) ?? -1 };
            if (text.Contains(';', StringComparison.Ordinal))
            {
                // COPY takes no semicolon, so only the columns can be compared.
                mapped = mapped with { Rows = "" };
            }

            if (sent != mapped)
            {
                differences.Add($"{text}\n  printed: {query.Text}\n  sent: {sent}\n  printed: {mapped}");
            }
        }

        Assert.True(differences.Count == 0, $"seed {Seed}, {differences.Count} differences\n{string.Join('\n', differences)}");
        Assert.True(admitted >= atLeastAdmitted && accepted >= atLeastAccepted, $"{admitted} admitted, {accepted} accepted");
    }

    /// <summary>PostgreSQL's answer to PREPARE, and to EXECUTE where there are no parameters.</summary>
    private static async Task<Answer> AskAsync(NpgsqlConnection connection, string sql, int parameters)
    {
        try
        {
            var columns = new List<string>();
            await using (var command = new NpgsqlCommand(sql, connection))
            {
                for (var number = 0; number < parameters; number++)
                {
                    command.Parameters.Add(new NpgsqlParameter { Value = DBNull.Value });
                }

                if (parameters == 0)
                {
                    // With a positional parameter the driver sends the text untouched; it is never bound.
                    command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = 0 });
                }

                await using var reader = await command.ExecuteReaderAsync(System.Data.CommandBehavior.SchemaOnly);
                for (var column = 0; column < reader.FieldCount; column++)
                {
                    columns.Add($"{reader.GetName(column)} {reader.GetDataTypeOID(column)}");
                }
            }

            var rows = "";
            if (parameters == 0 && columns.Count > 0 && !sql.Contains(';', StringComparison.Ordinal))
            {
                using var export = await connection.BeginTextExportAsync($"COPY (\n{sql}\n) TO STDOUT");
                rows = await export.ReadToEndAsync();
            }

            return new Answer(string.Join(", ", columns), rows, null, "", 0);
        }
        catch (PostgresException error)
        {
            // Messages that quote the text quote the printed one.
            var message = error.MessageText.Split(" at or near ")[0];
            return new Answer("", "", error.SqlState, message, error.Position);
        }
    }

    private sealed record Answer(string Columns, string Rows, string? SqlState, string Message, int Position);
}
