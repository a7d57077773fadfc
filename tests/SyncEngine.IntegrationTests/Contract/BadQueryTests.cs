using System.Net;
using System.Text.Json;
using SyncEngine.IntegrationTests.Client;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>Queries and parameters that are wrong; each gets the error that says so.</summary>
public sealed class BadQueryTests(BadInputEngine shared) : IClassFixture<BadInputEngine>, IAsyncLifetime
{
    /// <summary>The codes allowed for a query with its parameters.</summary>
    public static TheoryData<string, string, string> Queries()
    {
        TheoryData<string, string, string> data = [];
        Add("sql_syntax_error", "SELEC id FROM h", "SELECT id FROM", "SELECT FROM WHERE", "", "   ", "-- nothing", "/* open", "SELECT 'open", "SELECT $$open", "SELECT \"open", "SELECT $a$ open $b$", "SELECT (1", "SELECT 1)", "SELECT [1]", "\u0001", "☃", "SELECT 1 FROM h WHERE", "SELECT id FROM h h2 h3", "SELECT \"\"");
        Add("sql_unsupported", "SELECT 1; SELECT 2", "SELECT id FROM h; DROP TABLE h", "SELECT 'a\\'; DROP TABLE h; --'", "SELECT id FROM h) q; DROP TABLE h; --", ";;SELECT 1;;SELECT 1");
        Add("sql_unsupported", "WITH d AS (DELETE FROM h RETURNING *) SELECT * FROM d", "WITH d AS (INSERT INTO h VALUES (-1, 1) RETURNING *) SELECT * FROM d", "WITH d AS (UPDATE h SET n = 0 RETURNING *) SELECT * FROM d", "SELECT * FROM h WHERE id IN (WITH d AS (DELETE FROM h RETURNING id) SELECT id FROM d)", "WITH d AS MATERIALIZED (/* */ DELETE FROM h RETURNING *) SELECT * FROM d");
        Add("sql_unsupported", "DROP TABLE h", "CREATE TABLE x (id int)", "TRUNCATE h", "COPY h TO PROGRAM 'id'", "DO $$BEGIN END$$", "CALL moody()", "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1", "SET ROLE postgres", "RESET ROLE", "SHOW all", "LISTEN x", "PREPARE x AS SELECT 1", "VACUUM", "BEGIN", "COMMIT", "LOCK h", "DECLARE c CURSOR FOR SELECT 1", "FETCH ALL FROM c", "NOTIFY x", "DISCARD ALL", "REFRESH MATERIALIZED VIEW x", "INSERT INTO h VALUES (0, 0)", "dElEtE FROM h");
        Add("sql_unsupported", "SELECT * INTO x FROM h", "SELECT id INTO TEMP x FROM h", "(SELECT id INTO x FROM h)", "SELECT id FROM h FOR UPDATE", "SELECT id FROM h FOR SHARE NOWAIT", "SELECT id FROM h FOR NO KEY UPDATE OF h", "SELECT id FROM (SELECT id FROM h FOR UPDATE) q", "SELECT id FROM h TABLESAMPLE SYSTEM (10)");
        Add("sql_unsupported", "SELECT random()", "SELECT id FROM h ORDER BY random()", "SELECT clock_timestamp()", "SELECT gen_random_uuid()", "SELECT nextval('counter')", "SELECT moody()", "SELECT public.moody() FROM h", "SELECT id FROM h LIMIT (SELECT moody())", "SELECT timeofday()");
        Add("sql_unsupported|permission_denied|unknown_function", "SELECT pg_sleep(5)", "SELECT pg_catalog.pg_sleep(5)", "SELECT PG_SLEEP(5)", "SELECT \"pg_sleep\"(5)", "SELECT U&\"pg\\005fsleep\"(5)", "SELECT pg_sleep/**/(5)", "SELECT * FROM pg_sleep(5)", "SELECT id FROM h WHERE pg_sleep(5) IS NULL", "SELECT set_config('role', 'postgres', true)", "SELECT pg_read_file('/etc/passwd')", "SELECT pg_read_binary_file('/etc/passwd')", "SELECT * FROM pg_ls_dir('/')", "SELECT pg_stat_file('/etc/passwd')", "SELECT lo_import('/etc/passwd')", "SELECT lo_get(1)", "SELECT lo_unlink(1)", "SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_xact_lock(1)", "SELECT pg_terminate_backend(1)", "SELECT pg_cancel_backend(1)", "SELECT pg_notify('a', 'b')", "SELECT pg_reload_conf()", "SELECT query_to_xml('SELECT * FROM hidden', true, true, '')", "SELECT table_to_xml('hidden', true, true, '')", "SELECT txid_current()", "SELECT pg_logical_emit_message(true, 'a', 'b')", "SELECT dblink('host=localhost', 'SELECT 1')", "SELECT pg_switch_wal()", "SELECT pg_create_logical_replication_slot('x', 'pgoutput')", "SELECT pg_backend_pid()", "SELECT pg_stat_get_activity(NULL)", "SELECT inet_server_addr(), pg_current_logfile()", "SELECT sync.ack('x')", "SELECT sync.reject('x', 'y')");
        Add("unknown_relation", "SELECT * FROM nowhere", "SELECT * FROM no.where_at_all", "SELECT nowhere.id FROM h", "SELECT * FROM \"H\"", "SELECT * FROM h, LATERAL (SELECT * FROM nowhere) q");
        Add("sql_unsupported", "SELECT * FROM other_database.public.h");
        Add("unknown_column", "SELECT nothing FROM h", "SELECT h.nothing FROM h", "SELECT \"ID\" FROM h", "SELECT id FROM h ORDER BY nothing");
        Add("unknown_relation", "SELECT no.such_function(1)");
        Add("unknown_function", "SELECT no_such_function(1)", "SELECT lower(1, 2, 3)", "SELECT sum(note) FROM h");
        Add("type_mismatch|query_failed|unknown_function|unknown_relation|sql_syntax_error", "SELECT id::no_such_type FROM h", "SELECT id FROM h WHERE id = 'x'", "SELECT 'x'::int4", "SELECT id FROM h WHERE note", "SELECT 1 UNION SELECT 'x'", "SELECT id + note FROM h", "SELECT note COLLATE nothing FROM h", "SELECT sum(n) + id FROM h", "SELECT 1/0", "SELECT id FROM h LIMIT -1", "SELECT id FROM h LIMIT 'x'", "SELECT '\\xzz'::bytea", "SELECT (SELECT id FROM h)", "SELECT 2147483647 + id FROM h");
        Add("not_published|permission_denied", "SELECT * FROM pg_class", "SELECT * FROM pg_authid", "SELECT * FROM pg_catalog.pg_shadow", "SELECT * FROM information_schema.columns", "SELECT * FROM pg_stat_activity", "SELECT rolpassword FROM pg_authid", "SELECT * FROM counter", "SELECT id FROM h WHERE EXISTS (SELECT FROM pg_user)", "SELECT * FROM pg_settings");
        Add("permission_denied", "SELECT * FROM hidden", "SELECT id FROM h WHERE EXISTS (SELECT FROM hidden)", "SELECT (SELECT max(body) FROM hidden)", "WITH x AS (SELECT * FROM hidden) SELECT 1 FROM x", "TABLE hidden", "SELECT id FROM h UNION SELECT id FROM hidden");
        Add("sql_syntax_error", "SELECT id FROM h) AS q(c0), (SELECT 1", "SELECT id FROM h) UNION (SELECT id FROM h", "SELECT (/*)*/", "SELECT $tag$)$tag$)", "SELECT 1 --\n)", "SELECT '(')", "SELECT E'\\')')", "SELECT id FROM h /* ) */ )");
        Add("invalid_request|sql_unsupported|sql_syntax_error|query_failed|query_timeout", "SELECT " + new string('(', 10_000) + "1" + new string(')', 10_000), "SELECT " + string.Concat(Enumerable.Repeat("- ", 20_000)) + "1", "SELECT " + string.Concat(Enumerable.Repeat("NOT ", 15_000)) + "true", "SELECT " + string.Concat(Enumerable.Repeat("(SELECT ", 5_000)) + "1" + new string(')', 5_000), "SELECT " + string.Concat(Enumerable.Repeat("CASE WHEN true THEN ", 2_500)) + "1" + string.Concat(Enumerable.Repeat(" END", 2_500)), "SELECT 1 FROM h" + string.Concat(Enumerable.Range(0, 6_000).Select(number => ",h a" + number)), string.Join(" UNION ", Enumerable.Repeat("SELECT 1", 5_000)));
        Add("invalid_request", "SELECT '" + new string('x', 70_000) + "'", "SELECT '" + new string('x', 1024 * 1024) + "'", "SELECT id FROM h WHERE id IN (" + string.Join(',', Enumerable.Range(0, 100_000)) + ")", "SELECT 1 FROM h" + string.Concat(Enumerable.Range(0, 10_000).Select(number => " JOIN h a" + number + " USING (id)")));
        Add("result_too_large|query_timeout", "SELECT a.id FROM h a, h b, h c", "SELECT repeat('x', 1000000) AS x FROM h", "SELECT generate_series(1, 1000000000)", "SELECT count(*) FROM h a, h b, h c, h d", "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r", "SELECT note ~ '(a+)+$' FROM h, generate_series(1, 100000000)");
        return data;

        void Add(string codes, params string[] queries)
        {
            foreach (var query in queries)
            {
                data.Add(codes, query, "[]");
            }
        }
    }

    public static TheoryData<string, string, string> Parameters()
    {
        const string ById = "SELECT id FROM h WHERE id = $1";
        return new TheoryData<string, string, string>
        {
            { "type_mismatch", ById, "[]" },
            { "type_mismatch", ById, "[1, 2]" },
            { "type_mismatch", "SELECT id FROM h", "[1]" },
            { "type_mismatch", ById, "[\"abc\"]" },
            { "type_mismatch", ById, "[\"\"]" },
            { "type_mismatch", ById, "[99999999999]" },
            { "type_mismatch", ById, "[1.5]" },
            { "type_mismatch", ById, "[1e400]" },
            { "type_mismatch", ById, "[true]" },
            { "type_mismatch", ById, "[{}]" },
            { "type_mismatch", ById, "[[1]]" },
            { "type_mismatch", ById, "[\"1; DROP TABLE h\"]" },
            { "type_mismatch", ById, "[\"1 OR 1=1\"]" },
            { "type_mismatch", "SELECT id FROM h WHERE id = $2", "[1, 2]" },
            { "type_mismatch|sql_syntax_error", "SELECT id FROM h WHERE id = $0", "[1]" },
            { "type_mismatch|sql_syntax_error|sql_unsupported|invalid_request|query_failed", "SELECT id FROM h WHERE id = $65536", "[1]" },
            { "type_mismatch|sql_syntax_error|sql_unsupported|invalid_request|query_failed", "SELECT id FROM h WHERE id = $99999999999", "[1]" },
            { "type_mismatch|invalid_request", "SELECT id FROM h WHERE note = $1", "[\"a\\u0000b\"]" },
            { "type_mismatch|invalid_request", "SELECT id FROM h WHERE note = $1", "[\"\\ud800\"]" },
            { "type_mismatch|invalid_request", "SELECT id FROM h WHERE note = $1", "[\"\\udc00\\ud800\"]" },
            { "type_mismatch", "SELECT id FROM h WHERE id = ANY($1::int4[])", "[[1, \"x\"]]" },
            { "type_mismatch", "SELECT id FROM h WHERE id = ANY($1::int4[])", "[[[1], [2, 3]]]" },
            { "type_mismatch", "SELECT id FROM h WHERE id = ANY($1::int4[])", "[\"{1\"]" },
            { "type_mismatch", "SELECT $1::jsonb AS j", "[{\"a\": \"\\u0000\"}]" },
            { "type_mismatch", "SELECT $1::timestamptz AS t", "[\"yesterday-ish\"]" },
            { "type_mismatch", "SELECT $1::uuid AS u", "[\"not-a-uuid\"]" },
            { "type_mismatch", "SELECT $1::date AS d", "[\"2026-02-30\"]" },
            { "invalid_request", "SELECT $1::jsonb AS j", "[" + string.Concat(Enumerable.Repeat("[", 10_000)) + string.Concat(Enumerable.Repeat("]", 10_000)) + "]" },
            { "invalid_request", ById, "1" },
            { "invalid_request", ById, "\"1\"" },
            { "invalid_request", ById, "{\"1\": 1}" },
        };
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await shared.CheckAsync();

    [Fact]
    public async Task Bad_queries_are_refused_by_name() => await RefusesAllAsync(Queries());

    [Fact]
    public async Task Bad_parameters_are_refused_by_name() => await RefusesAllAsync(Parameters());

    [Fact]
    public async Task A_position_is_one_of_the_query_as_sent()
    {
        foreach (var (query, at) in ((string, int)[])
            [
                ("SELECT id FROM nowhere", 16),
                ("SELECT /* é 😀 */ nothing FROM h", 18),
                ("SELECT  id ,\n  nothing FROM h", 16),
                ("SELECT id FROM h WHERE no_such_function(id)", 24),
                ("SELECT id FROM h; SELECT 2", 19),
            ])
        {
            var answer = shared.Hear(await shared.Engine.PostQueryAsync(query, token: shared.Mallory));
            Assert.True(answer.Json.TryGetProperty("position", out var position), answer.Text);
            Assert.True(position.GetInt32() == at, $"{query}: {position} instead of {at}");
        }
    }

    [Theory]
    [InlineData("SELECT \"a\"\"b\", \"SELECT\", \"c.d\" FROM \"we\"\"ird.na me\"", """[1,"x","y"]""")]
    [InlineData("SELECT $a$ ; DROP TABLE h; -- $a$ AS \"x;--\"", """[" ; DROP TABLE h; -- "]""")]
    [InlineData("SELECT E'\\'; DROP TABLE h; --' AS x", """["'; DROP TABLE h; --"]""")]
    [InlineData("SELECT 'a' /* ' */ /* /* nested */ ' */ 'b' AS x", null)]
    [InlineData("SELECT 'a'\n'b' AS x -- ; '", """["ab"]""")]
    [InlineData("SELECT U&'d\\0061t\\+000061' AS x;", """["data"]""")]
    [InlineData("SELECT id FROM h WHERE note = 'n1' OR note = ''''", "[1]")]
    [InlineData("select\tid\u00a0from h where id=1", null)]
    [InlineData("SELECT xmlparse(document '<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>')::text AS x", null)]
    [InlineData("SELECT id FROM notes WHERE body::int4 = 1", "[2]")]
    [InlineData("SELECT body FROM notes ORDER BY body", """["1"]""")]
    public async Task Odd_but_honest_queries_are_answered_as_PostgreSQL_does(string query, string? row)
    {
        var answer = shared.Hear(await shared.Engine.PostQueryAsync(query, token: shared.Mallory));
        if (row is null)
        {
            Assert.Contains(answer.Status, (HttpStatusCode[])[HttpStatusCode.Created, HttpStatusCode.BadRequest]);
            return;
        }

        Assert.True(answer.Status == HttpStatusCode.Created, answer.Text);
        await using var watch = await shared.Engine.StreamAsync(Engine.Read(answer), token: shared.Mallory);
        await watch.RowsAsync(row);
        watch.Frames.ToList().ForEach(frame => shared.Hear(frame.GetRawText()));
    }

    [Fact]
    public async Task Long_names_are_cut_as_PostgreSQL_cuts_them()
    {
        var subscription = await shared.Engine.SubscribeAsync($"SELECT id AS \"{new string('é', 70)}\" FROM h WHERE id = 1", token: shared.Mallory);
        Assert.Equal(new string('é', 31), subscription.Columns[^1].Name);
    }

    [Fact]
    public async Task Many_parameters_and_long_arrays_are_honest_too()
    {
        await using var array = await shared.Engine.WatchAsync("SELECT id FROM h WHERE id = ANY($1::int4[]) AND n < 3", $"[[{string.Join(',', Enumerable.Range(0, 100_000))}]]", shared.Mallory);
        await array.RowsAsync("[1]", "[2]");
        await using var list = await shared.Engine.WatchAsync($"SELECT id FROM h WHERE id IN ({string.Join(',', Enumerable.Range(999, 10_000))})", token: shared.Mallory);
        await list.RowsAsync("[1000]", "[999]");
        var parameters = Enumerable.Range(1, 1000).ToList();
        await using var many = await shared.Engine.WatchAsync($"SELECT id FROM h WHERE id IN ({string.Join(',', parameters.Select(number => "$" + number))}) AND n = 1", $"[{string.Join(',', parameters)}]", shared.Mallory);
        await many.RowsAsync("[1]");
    }

    private async Task RefusesAllAsync(TheoryData<string, string, string> corpus)
    {
        List<string> deviations = [];
        foreach (var entry in corpus)
        {
            var (codes, query, parameters) = entry.Data;
            var answer = shared.Hear(await shared.Engine.PostQueryAsync(query, parameters, shared.Mallory));
            var code = answer.Code;
            if (answer.Status == HttpStatusCode.Created)
            {
                // A failure in the data comes on the stream.
                await using var watch = await shared.Engine.StreamAsync(Engine.Read(answer), token: shared.Mallory);
                await watch.UntilAsync(() => watch.Result.Code is not null || watch.Result.Stage == ResultStage.Live || watch.HasEnded, "an answer", mayEnd: true);
                code = watch.Result.Code;
                watch.Frames.ToList().ForEach(frame => shared.Hear(frame.GetRawText()));
            }

            if (!codes.Split('|').Contains(code, StringComparer.Ordinal))
            {
                deviations.Add($"{Short(query)} with {Short(parameters)}: {code ?? "accepted"} instead of {codes}: {Short(answer.Text)}");
            }
        }

        Assert.True(deviations.Count == 0, string.Join('\n', deviations));

        static string Short(string text) => text.Length > 160 ? $"{text[..160]} … ({text.Length})" : text;
    }
}
