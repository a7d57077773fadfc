using Microsoft.Extensions.Logging.Abstractions;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Postgres.Analysis;
using SyncEngine.Postgres.Catalog;
using SyncEngine.Postgres.Embedded;
using SyncEngine.Postgres.Sessions;
using Xunit;

namespace SyncEngine.IntegrationTests.Postgres.Analysis;

/// <summary>One database with a bit of everything, and two roles that may read parts of it.</summary>
public sealed class AnalystDatabase(PostgresFixture postgres) : IAsyncLifetime
{
    public TestDatabase Database { get; private set; } = null!;

    public CatalogReader Catalog { get; private set; } = null!;

    public QueryAnalyst Analyst { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await postgres.CreateDatabaseAsync();
        await Database.ExecuteAsync(
            """
            CREATE ROLE analyst_reader;
            CREATE ROLE analyst_bypass BYPASSRLS;
            CREATE SCHEMA other;
            GRANT USAGE ON SCHEMA other TO analyst_reader;
            CREATE TYPE mood AS ENUM ('sad', 'ok');
            CREATE DOMAIN positive AS int CHECK (VALUE > 0);
            CREATE TABLE account (id bigint PRIMARY KEY, owner text NOT NULL, secret text, balance numeric(10, 2), mood mood, tags text[], amount positive);
            CREATE TABLE room (id int PRIMARY KEY, name varchar(20));
            CREATE TABLE member (room int, account bigint, PRIMARY KEY (room, account));
            CREATE TABLE message (id int PRIMARY KEY, room int, body text);
            ALTER TABLE message ENABLE ROW LEVEL SECURITY;
            CREATE POLICY members ON message USING (room IN (
              SELECT room FROM member WHERE account = (current_setting('request.jwt.claims', true)::json ->> 'account')::bigint));
            CREATE TABLE event (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
            CREATE TABLE event_2023 PARTITION OF event FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
            CREATE TABLE event_2024 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY RANGE (at);
            CREATE TABLE event_2024_1 PARTITION OF event_2024 FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
            CREATE TABLE animal (id int PRIMARY KEY, name text);
            CREATE TABLE dog (breed text, PRIMARY KEY (id)) INHERITS (animal);
            CREATE TABLE unkeyed (a int);
            CREATE TABLE nothing (a int PRIMARY KEY);
            ALTER TABLE nothing REPLICA IDENTITY NOTHING;
            CREATE UNLOGGED TABLE quick (id int PRIMARY KEY);
            CREATE TABLE unpublished (id int PRIMARY KEY);
            CREATE TABLE filtered (id int PRIMARY KEY);
            CREATE TABLE listed (id int PRIMARY KEY, a int, b int);
            CREATE TABLE other.room (id int PRIMARY KEY);
            CREATE MATERIALIZED VIEW total AS SELECT count(*) FROM account;
            CREATE SEQUENCE counter;
            CREATE VIEW named_room AS SELECT r.id, r.name FROM room r WHERE r.name IS NOT NULL;
            CREATE VIEW busy_room AS SELECT n.name, count(*) AS messages FROM named_room n JOIN message m ON m.room = n.id GROUP BY n.name;
            CREATE VIEW ticking AS SELECT id, now() AS at FROM room;
            CREATE VIEW today AS SELECT id FROM event WHERE at = current_date;
            CREATE VIEW dice AS SELECT id, random() AS roll FROM room;
            CREATE VIEW sampled AS SELECT id FROM room TABLESAMPLE bernoulli (50);
            CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1 * 2;
            CREATE FUNCTION tally() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM room); END';
            CREATE FUNCTION rooms_named(text) RETURNS SETOF room LANGUAGE sql STABLE AS 'SELECT * FROM room WHERE name = $1';
            CREATE FUNCTION roll() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 4';
            CREATE FUNCTION mixed(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1;
            CREATE FUNCTION mixed(text) RETURNS text LANGUAGE sql VOLATILE RETURN $1;
            CREATE FUNCTION claim() RETURNS bigint LANGUAGE sql STABLE AS
              $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'account')::bigint $$;
            CREATE FUNCTION claim_atomic() RETURNS text LANGUAGE sql STABLE RETURN current_setting('request.jwt.claims', true)::json ->> 'account';
            CREATE FUNCTION passes_on() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT tally()';
            CREATE FUNCTION hides() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT tally/**/()';
            CREATE FUNCTION since() RETURNS interval LANGUAGE plpgsql STABLE AS 'BEGIN RETURN now() - timestamptz ''2000-01-01''; END';
            CREATE TABLE claimed (id int PRIMARY KEY, account bigint);
            ALTER TABLE claimed ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON claimed USING (account = claim());
            CREATE VIEW tallied AS SELECT id, tally() AS tally FROM account;
            CREATE PUBLICATION sync FOR TABLE account (id, owner, secret, balance, mood, tags, amount), room, member, message, event, animal, dog,
              unkeyed, nothing,
              claimed, filtered WHERE (id > 1), listed (id, a), other.room;
            GRANT SELECT ON claimed, room, member, message, event, named_room, unpublished TO analyst_reader;
            GRANT SELECT (id, owner) ON account TO analyst_reader;
            ALTER TABLE message FORCE ROW LEVEL SECURITY;
            ALTER TABLE message OWNER TO analyst_reader;
            ALTER VIEW busy_room OWNER TO analyst_reader;
            """);
        Catalog = new CatalogReader(Database.DataSource, new CatalogOptions(), TimeProvider.System, NullLogger<CatalogReader>.Instance);
        await Catalog.RefreshAsync(CancellationToken.None);
        Analyst = new QueryAnalyst(Database.DataSource, Catalog, new QuerySessionOptions());
    }

    public async ValueTask DisposeAsync()
    {
        await Database.ExecuteAsync("DROP OWNED BY analyst_reader; DROP ROLE analyst_reader; DROP ROLE analyst_bypass");
        Catalog.Dispose();
        await Database.DisposeAsync();
    }
}

public sealed class QueryAnalystTests(AnalystDatabase fixture) : IClassFixture<AnalystDatabase>
{
    private static readonly Principal Reader = new("issuer", "subject", "analyst_reader", """{"account": 1}""", null);

    [Theory]
    [InlineData("SELECT * FROM room", "room", "")]
    [InlineData("SELECT * FROM room WHERE false", "room", "")]
    [InlineData("SELECT 1 WHERE EXISTS (SELECT FROM room WHERE 1 = 2)", "room", "")]
    [InlineData("WITH w AS (SELECT * FROM room) SELECT 1", "room", "")]
    [InlineData(
        "WITH RECURSIVE w AS (SELECT id FROM room UNION ALL SELECT w.id + 1 FROM w JOIN animal a ON a.id = w.id) SELECT * FROM w",
        "animal,dog,room", "")]
    [InlineData("SELECT id FROM other.room", "other.room", "")]
    [InlineData("SELECT (SELECT max(id) FROM room), m.body FROM message m", "member,message,room", "")]
    [InlineData("SELECT id FROM account UNION ALL SELECT id FROM room", "account,room", "")]
    [InlineData("SELECT * FROM event", "event,event_2023,event_2024,event_2024_1", "")]
    [InlineData("SELECT * FROM event WHERE at = '2023-05-05'", "event,event_2023,event_2024,event_2024_1", "")]
    [InlineData("SELECT * FROM event WHERE at = $1", "event,event_2023,event_2024,event_2024_1", "")]
    [InlineData("SELECT * FROM event_2024_1", "event_2024_1", "")]
    [InlineData("SELECT * FROM animal", "animal,dog", "")]
    [InlineData("SELECT * FROM ONLY dog", "dog", "")]
    [InlineData("SELECT * FROM named_room", "room", "named_room")]
    [InlineData("SELECT * FROM busy_room", "member,message,room", "busy_room,named_room")]
    [InlineData("SELECT * FROM rooms_named('a')", "room", "")]
    [InlineData("SELECT 1", "", "")]
    [InlineData("VALUES (1, $1::text)", "", "")]
    public async Task Relations_that_PostgreSQL_reads_are_found(string sql, string tables, string views)
    {
        // Policies do not hold for the superuser.
        var role = sql.Contains("message", StringComparison.Ordinal) ? Reader : Principal.Engine;

        var description = await DescribeAsync(sql, role);

        Assert.Equal(tables, NamesOf(description.Tables));
        Assert.Equal(views, NamesOf(description.Views));
    }

    [Fact]
    public async Task Parameters_and_columns_are_typed_by_PostgreSQL()
    {
        var description = await DescribeAsync(
            """
            SELECT a.id, a.balance, a.mood, a.tags, a.amount, a.owner AS id, a.id + $1, 1.5::numeric(6, 3), 'x'::varchar(7), r.name, r
            FROM account a JOIN room r ON r.name = $2 WHERE a.mood = $3 AND a.tags = $4 AND a.amount > $5
            """);

        Assert.Equal(["int8", "text", "public.mood", "text[]", "int4"], description.Parameters.Select(type => type.DisplayName));
        Assert.Equal(
            [
                "id int8 -1 1 False", "balance numeric 655366 4 True", "mood public.mood -1 5 True", "tags text[] -1 6 True",
                "amount int4 -1 7 True", "id text -1 2 False", "?column? int8 -1 0 True", "numeric numeric 393223 0 True",
                "varchar varchar 11 0 True", "name varchar 24 2 True", "r public.room -1 0 True",
            ],
            description.Columns.Select(column =>
                $"{column.Name} {column.Type.DisplayName} {column.TypeModifier} {column.ColumnNumber} {column.IsNullable}"));
        Assert.Equal(await fixture.Database.OidAsync("account"), description.Columns[0].TableOid);
    }

    [Theory]
    [InlineData("SELECT a.id FROM room r LEFT JOIN account a ON false")]
    [InlineData("SELECT id FROM account GROUP BY ROLLUP (id)")]
    [InlineData("SELECT (SELECT id FROM account WHERE id = 1)")]
    [InlineData("SELECT id FROM named_room")]
    [InlineData("SELECT max(id) FROM account")]
    public async Task A_column_that_can_come_out_null_is_nullable(string sql)
    {
        Assert.True(Assert.Single((await DescribeAsync(sql)).Columns).IsNullable);
    }

    [Fact]
    public async Task A_query_without_columns_is_described()
    {
        Assert.Empty((await DescribeAsync("SELECT FROM room")).Columns);
    }

    [Theory]
    [InlineData("SELECT now()", "now", true)]
    [InlineData("SELECT current_date", "current_date", true)]
    [InlineData("SELECT localtimestamp(0)", "localtimestamp", true)]
    [InlineData("SELECT pg_catalog.statement_timestamp()", "pg_catalog.statement_timestamp", true)]
    [InlineData("SELECT age(timestamp '2000-01-01')", "age", true)]
    [InlineData("SELECT age(timestamp '2000-01-01', timestamp '2000-01-02')", "age", true)]
    [InlineData("SELECT since()", "since", true)]
    [InlineData("SELECT tally()", "tally", false)]
    [InlineData("SELECT * FROM ticking", "", true)]
    [InlineData("SELECT * FROM today", "", true)]
    [InlineData("SELECT lower('A'), to_char(1, '9')", "lower,to_char", false)]
    [InlineData("SELECT * FROM named_room", "", false)]
    public async Task Readers_of_the_clock_are_known(string sql, string functions, bool readsClock)
    {
        Assert.Equal(readsClock, (await DescribeAsync(sql, Principal.Engine, functions)).ReadsClock);
    }

    [Theory]
    [InlineData("SELECT tally()", "tally", true)]
    [InlineData("SELECT * FROM tallied", "", true)]
    [InlineData("SELECT twice(1)", "twice", false)]
    [InlineData("SELECT claim()", "claim", false)]
    [InlineData("SELECT claim_atomic()", "claim_atomic", false)]
    [InlineData("SELECT * FROM claimed", "", false)]
    [InlineData("SELECT passes_on()", "passes_on", true)]
    [InlineData("SELECT hides()", "hides", true)]
    [InlineData("SELECT rooms_named('a')", "rooms_named", true)]
    [InlineData("SELECT count(*), coalesce(max(id), 0) FROM room", "count,coalesce,max", false)]
    public async Task Stable_functions_of_users_are_opaque(string sql, string functions, bool isOpaque)
    {
        Assert.Equal(isOpaque, (await DescribeAsync(sql, Principal.Engine, functions)).HasOpaqueFunctions);
    }

    [Theory]
    [InlineData("SELECT random()", "random", "function random is volatile")]
    [InlineData("SELECT roll()", "roll", "function public.roll is volatile")]
    [InlineData("SELECT mixed(1)", "mixed", "function public.mixed is volatile")]
    [InlineData("SELECT clock_timestamp()", "clock_timestamp", "function clock_timestamp is volatile")]
    [InlineData("SELECT * FROM dice", "", "function random in view \"public.dice\" is volatile")]
    [InlineData("SELECT * FROM sampled", "", "TABLESAMPLE in view \"public.sampled\" is not allowed in a live query")]
    [InlineData("SELECT set_config('a.b', 'c', false)", "set_config", "function set_config is not allowed in a live query")]
    [InlineData("SELECT pg_sleep(0)", "pg_sleep", "function pg_sleep is not allowed in a live query")]
    [InlineData("SELECT pg_read_file('PG_VERSION')", "pg_read_file", "function pg_read_file is not allowed in a live query")]
    [InlineData("SELECT pg_advisory_lock(1)", "pg_advisory_lock", "function pg_advisory_lock is not allowed in a live query")]
    [InlineData(
        "SELECT pg_try_advisory_xact_lock(1)", "pg_try_advisory_xact_lock",
        "function pg_try_advisory_xact_lock is not allowed in a live query")]
    [InlineData("SELECT lo_get(1)", "lo_get", "function lo_get is not allowed in a live query")]
    [InlineData("SELECT pg_current_snapshot()", "pg_current_snapshot", "function pg_current_snapshot is not allowed in a live query")]
    [InlineData(
        "SELECT pg_catalog.query_to_xml('select 1', true, true, '')", "pg_catalog.query_to_xml",
        "function query_to_xml is not allowed in a live query")]
    [InlineData("SELECT nextval('counter')", "nextval", "function nextval is not allowed in a live query")]
    [InlineData(
        "SELECT pg_logical_emit_message(false, 'a', 'b')", "pg_logical_emit_message",
        "function pg_logical_emit_message is not allowed in a live query")]
    public async Task Functions_whose_answers_cannot_be_kept_are_refused(string sql, string functions, string message)
    {
        var error = await RefusedAsync(sql, Principal.Engine, functions);

        Assert.Equal((ErrorCode.SqlUnsupported, message), (error.Code, error.Message));
        Assert.Equal(functions.Length == 0 ? null : sql.IndexOf(functions, StringComparison.Ordinal) + 1, error.Position);
    }

    [Fact]
    public async Task A_volatile_function_in_a_policy_is_refused()
    {
        await fixture.Database.ExecuteAsync(
            """
            CREATE TABLE lottery (id int PRIMARY KEY);
            ALTER TABLE lottery ENABLE ROW LEVEL SECURITY;
            CREATE POLICY luck ON lottery USING (random() > 0.5);
            GRANT SELECT ON lottery TO analyst_reader;
            ALTER PUBLICATION sync ADD TABLE lottery
            """);
        var error = await RefusedAsync("SELECT id FROM lottery", Reader);

        Assert.Equal(
            (ErrorCode.SqlUnsupported, "function random in policy \"luck\" of table \"public.lottery\" is volatile"),
            (error.Code, error.Message));
    }

    [Theory]
    [InlineData(
        "SELECT * FROM unpublished", "relation \"public.unpublished\" is not in publication \"sync\"",
        "ALTER PUBLICATION \"sync\" ADD TABLE \"public\".\"unpublished\"")]
    [InlineData(
        "SELECT * FROM unkeyed", "relation \"public.unkeyed\" has no replica identity",
        "ALTER TABLE \"public\".\"unkeyed\" REPLICA IDENTITY FULL")]
    [InlineData("SELECT * FROM nothing", "relation \"public.nothing\" has REPLICA IDENTITY NOTHING", "REPLICA IDENTITY FULL")]
    [InlineData("SELECT * FROM quick", "relation \"public.quick\" is unlogged", "SET LOGGED")]
    [InlineData("SELECT * FROM filtered", "relation \"public.filtered\" has a row filter in publication \"sync\"", "ALTER PUBLICATION")]
    [InlineData("SELECT * FROM listed", "relation \"public.listed\" has a column list in publication \"sync\"", "ALTER PUBLICATION")]
    [InlineData("SELECT * FROM total", "relation \"public.total\" is a materialised view", "Query the tables")]
    [InlineData("SELECT last_value FROM counter", "relation \"public.counter\" is a sequence", null)]
    [InlineData("SELECT relname FROM pg_class", "relation \"pg_catalog.pg_class\" is a system catalog", null)]
    [InlineData("SELECT proname FROM pg_proc WHERE false", "relation \"pg_catalog.pg_proc\" is a system catalog", null)]
    [InlineData("SELECT datname FROM pg_database", "relation \"pg_catalog.pg_database\" is a system catalog", null)]
    [InlineData("SELECT name FROM pg_settings", "relation \"pg_catalog.pg_settings\" is a system catalog", null)]
    [InlineData(
        "SELECT name FROM room UNION SELECT id::text FROM unpublished", "relation \"public.unpublished\" is not in publication \"sync\"",
        "ALTER PUBLICATION")]
    public async Task Relations_whose_changes_cannot_be_seen_are_not_published(string sql, string message, string? hint)
    {
        var error = await RefusedAsync(sql);

        Assert.Equal((ErrorCode.NotPublished, message), (error.Code, error.Message));
        Assert.True(hint is null ? error.Hint is null : error.Hint!.Contains(hint, StringComparison.Ordinal), error.Hint);
    }

    [Fact]
    public async Task Information_schema_is_not_published()
    {
        Assert.Equal(ErrorCode.NotPublished, (await RefusedAsync("SELECT table_name FROM information_schema.tables")).Code);
    }

    [Theory]
    [InlineData("SELEC 1", "sql_syntax_error", "42601", 1)]
    [InlineData("SELECT FROM WHERE", "sql_syntax_error", "42601", 13)]
    [InlineData("SELECT (1", "sql_syntax_error", "42601", null)]
    [InlineData("SELECT 'abc", "sql_syntax_error", "42601", 8)]
    [InlineData("SELECT name, count(*) FROM room", "sql_syntax_error", "42803", 8)]
    [InlineData("SELECT id FROM room, animal", "sql_syntax_error", "42702", 8)]
    [InlineData("SELECT * FROM room r, room r", "sql_syntax_error", "42712", null)]
    [InlineData("SELECT max(count(*)) FROM room", "sql_syntax_error", "42803", 12)]
    [InlineData("SELECT id FROM room ORDER BY 9", "sql_syntax_error", "42P10", 30)]
    [InlineData("SELECT * FROM rooms", "unknown_relation", "42P01", 15)]
    [InlineData("SELECT * FROM nowhere.room", "unknown_relation", "42P01", 15)]
    [InlineData("SELECT r.id FROM room", "unknown_relation", "42P01", 8)]
    [InlineData("SELECT * FROM room_pkey", "unknown_relation", "42809", 15)]
    [InlineData("SELECT nme FROM room", "unknown_column", "42703", 8)]
    [InlineData("SELECT 'é', r.nme FROM room r", "unknown_column", "42703", 13)]
    [InlineData("SELECT nope(1)", "unknown_function", "42883", 8)]
    [InlineData("SELECT lower(1)", "unknown_function", "42883", 8)]
    [InlineData("SELECT id = name FROM room", "unknown_function", "42883", 11)]
    [InlineData("SELECT id FROM room WHERE name", "type_mismatch", "42804", 27)]
    [InlineData("SELECT 'a'::int", "type_mismatch", "22P02", 8)]
    [InlineData("SELECT id FROM room WHERE id = 'x'", "type_mismatch", "22P02", 32)]
    [InlineData("SELECT 99999999999::int", "type_mismatch", "22003", null)]
    [InlineData("SELECT 'tomorow'::date", "type_mismatch", "22007", 8)]
    [InlineData("SELECT '2024-02-31'::date", "type_mismatch", "22008", 8)]
    [InlineData("SELECT true::date", "type_mismatch", "42846", 12)]
    [InlineData("SELECT id FROM room UNION SELECT name FROM room", "type_mismatch", "42804", 34)]
    [InlineData("SELECT $1 IS NULL", "type_mismatch", "42P18", null)]
    [InlineData("SELECT $2::int", "type_mismatch", "42P18", null)]
    [InlineData("SELECT 'x'::nope", "sql_syntax_error", "42704", 13)]
    [InlineData("SELECT 1 / 0", "query_failed", "22012", null)]
    [InlineData("SELECT id FROM room FOR UPDATE", "sql_unsupported", null, null)]
    [InlineData("WITH w AS (DELETE FROM room RETURNING id) SELECT * FROM w", "sql_unsupported", null, null)]
    [InlineData("SELECT 1; SELECT 2", "sql_syntax_error", "42601", null)]
    public async Task Bad_queries_are_refused_with_a_code_and_a_position(string sql, string code, string? sqlState, int? position)
    {
        var error = await RefusedAsync(sql);

        Assert.Equal((code, sqlState, position), (error.Code.Name, error.SqlState, error.Position));
    }

    [Fact]
    public async Task After_a_refusal_the_pooled_session_is_clean()
    {
        for (var i = 0; i < 12; i++)
        {
            await RefusedAsync(i % 2 == 0 ? "SELECT * FROM rooms" : "SELECT secret FROM account", Reader);
            await DescribeAsync("SELECT id FROM room", Reader);
        }

        Assert.Equal($"{EmbeddedPostgres.UserName}||0", await fixture.Database.ScalarAsync<string>("SELECT concat(current_user, '|', current_setting('request.jwt.claims', true), '|', (SELECT count(*) FROM pg_prepared_statements))"));
    }

    [Theory]
    [InlineData("SELECT id, owner FROM account", true)]
    [InlineData("SELECT id, secret FROM account", false)]
    [InlineData("SELECT * FROM account", false)]
    [InlineData("SELECT id FROM account WHERE secret = 'x'", false)]
    [InlineData("SELECT count(*) FROM animal WHERE false", false)]
    [InlineData("SELECT id FROM other.room", false)]
    [InlineData("SELECT * FROM named_room", true)]
    public async Task Privileges_are_those_of_the_role(string sql, bool isAllowed)
    {
        if (isAllowed)
        {
            await DescribeAsync(sql, Reader);
        }
        else
        {
            Assert.Equal(ErrorCode.PermissionDenied, (await RefusedAsync(sql, Reader)).Code);
        }
    }

    [Theory]
    [InlineData("no_such_role")]
    [InlineData("none")]
    [InlineData("analyst_bypass")]
    [InlineData(EmbeddedPostgres.UserName)]
    [InlineData("analyst_reader'; RESET ROLE; --")]
    public async Task Roles_that_may_not_be_used_are_refused(string role)
    {
        Assert.Equal(
            ErrorCode.PermissionDenied, (await RefusedAsync("SELECT id FROM room", new Principal(null, null, role, null, null))).Code);
    }

    [Theory]
    [InlineData("SELECT body FROM message", true)]
    [InlineData("SELECT id FROM claimed", true)]
    [InlineData("SELECT name FROM room", false)]
    [InlineData("SELECT name FROM named_room", false)]
    [InlineData("SELECT name FROM busy_room", true)]
    public async Task Row_security_is_seen_where_it_applies(string sql, bool hasRowSecurity)
    {
        Assert.Equal(hasRowSecurity, (await DescribeAsync(sql, Reader)).HasRowSecurity);
    }

    [Fact]
    public async Task Functions_behind_a_dot_and_behind_operators_are_judged_like_others()
    {
        await fixture.Database.ExecuteAsync(
            """
            CREATE TABLE doc (id int PRIMARY KEY);
            ALTER PUBLICATION sync ADD TABLE doc;
            CREATE FUNCTION mine(doc) RETURNS text STABLE LANGUAGE sql AS $$ SELECT current_setting('request.jwt.claims', true) $$;
            CREATE FUNCTION noisy(doc) RETURNS text VOLATILE LANGUAGE sql AS $$ SELECT 'x' $$;
            CREATE FUNCTION claims_are(int, int) RETURNS bool STABLE LANGUAGE sql AS $$ SELECT current_setting('request.jwt.claims', true) IS NULL $$;
            CREATE OPERATOR ~== (LEFTARG = int, RIGHTARG = int, FUNCTION = claims_are);
            """);

        Assert.True((await JudgedAsync("SELECT id, d.mine FROM doc d", "mine", FunctionCallKind.Attribute)).ReadsSettings);
        Assert.True((await JudgedAsync("SELECT id FROM doc WHERE id ~== 1", "~==", FunctionCallKind.Operator)).ReadsSettings);
        Assert.False((await JudgedAsync("SELECT d.id FROM doc d", "id", FunctionCallKind.Attribute)).ReadsSettings);
        var refused = await Assert.ThrowsAsync<SyncException>(
            () => JudgedAsync("SELECT id, d.noisy FROM doc d", "noisy", FunctionCallKind.Attribute));
        Assert.Equal(ErrorCode.SqlUnsupported, refused.Code);

        Task<QueryDescription> JudgedAsync(string sql, string name, FunctionCallKind kind) =>
            fixture.Analyst.DescribeAsync(sql, [new FunctionCall(null, name, 1, kind)], Principal.Engine, CancellationToken.None);
    }

    [Fact]
    public async Task A_parameter_is_read_as_its_principal_and_may_write_nothing()
    {
        await fixture.Database.ExecuteAsync(
            """
            CREATE TABLE spoils (id int);
            CREATE FUNCTION plunder(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO spoils VALUES (1); RETURN true; END $$;
            CREATE DOMAIN evil AS text CHECK (plunder(VALUE));
            CREATE FUNCTION is_engine(text) RETURNS bool LANGUAGE sql AS $$ SELECT current_user = 'analyst_reader' $$;
            CREATE DOMAIN nosy AS text CHECK (is_engine(VALUE));
            """);
        var types = (await fixture.Catalog.RefreshAsync(CancellationToken.None)).Types.Values.ToDictionary(type => type.DisplayName);

        await Assert.ThrowsAsync<SyncException>(
            () => fixture.Analyst.CanonicaliseAsync([(types["public.evil"], "x")], Principal.Engine, CancellationToken.None));
        Assert.Equal(["x"], await fixture.Analyst.CanonicaliseAsync([(types["public.nosy"], "x")], Reader, CancellationToken.None));
        Assert.Equal(0L, await fixture.Database.ScalarAsync<long>("SELECT count(*) FROM spoils"));
    }

    [Fact]
    public async Task A_table_made_after_the_catalog_was_read_is_known()
    {
        await fixture.Database.ExecuteAsync("CREATE TABLE newcomer (id int PRIMARY KEY); ALTER PUBLICATION sync ADD TABLE newcomer");

        var description = await DescribeAsync("SELECT id FROM newcomer");

        Assert.Equal("newcomer", NamesOf(description.Tables));
        Assert.True(fixture.Catalog.Current.Tables[description.Tables[0]].StreamedAfterXid > 0);
    }

    [Fact]
    public async Task Values_are_printed_as_their_types_print_them()
    {
        var types = fixture.Catalog.Current.Types.Values.ToDictionary(type => type.DisplayName);
        (string Type, string? Text, string? Printed)[] cases =
        [
            ("int4", " 007 ", "7"), ("bool", "yes", "t"), ("numeric", "1.10", "1.10"),
            ("timestamptz", "2024-01-01 02:00+02", "2024-01-01 00:00:00+00"), ("text", "a'b", "a'b"),
            ("int4[]", "{1, NULL,3}", "{1,NULL,3}"), ("text[]", "{a b,\"c\"}", "{\"a b\",c}"), ("public.mood", "ok", "ok"),
            ("public.positive", "5", "5"), ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            ("jsonb", "{\"b\":1, \"a\": 2}", "{\"a\": 2, \"b\": 1}"), ("int4", null, null), ("public.room", "(1,a)", "(1,a)"),
            ("public.mood[]", "{ok}", "{ok}"), ("bytea", "ab", "\\x6162"), ("interval", "36 hours", "36:00:00"),
        ];

        var printed = await fixture.Analyst.CanonicaliseAsync(
            [.. cases.Select(item => (types[item.Type], item.Text))], Principal.Engine, CancellationToken.None);

        Assert.Equal(cases.Select(item => item.Printed), printed);
        Assert.Empty(await fixture.Analyst.CanonicaliseAsync([], Principal.Engine, CancellationToken.None));
    }

    [Theory]
    [InlineData("int4", "x")]
    [InlineData("int2", "70000")]
    [InlineData("public.mood", "elated")]
    [InlineData("public.positive", "-1")]
    [InlineData("date", "2024-02-31")]
    [InlineData("text", "a\0b")]
    public async Task A_value_that_does_not_fit_is_a_type_mismatch_that_names_the_parameter(string type, string text)
    {
        var types = fixture.Catalog.Current.Types.Values.ToDictionary(type => type.DisplayName);
        var error = await Assert.ThrowsAsync<SyncException>(
            () => fixture.Analyst.CanonicaliseAsync([(types["int4"], "1"), (types[type], text)], Principal.Engine, CancellationToken.None));

        Assert.Equal(ErrorCode.TypeMismatch, error.Code);
        Assert.StartsWith("parameter $2: ", error.Message, StringComparison.Ordinal);
    }

    private Task<QueryDescription> DescribeAsync(string sql, Principal? principal = null, string functions = "") =>
        fixture.Analyst.DescribeAsync(sql, CallsIn(sql, functions), principal ?? Principal.Engine, CancellationToken.None);

    private async Task<SyncException> RefusedAsync(string sql, Principal? principal = null, string functions = "") =>
        await Assert.ThrowsAsync<SyncException>(() => DescribeAsync(sql, principal, functions));

    private static FunctionCall[] CallsIn(string sql, string functions) =>
    [
        .. functions.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(function =>
        {
            var parts = function.Split('.');
            return new FunctionCall(parts.Length == 2 ? parts[0] : null, parts[^1], sql.IndexOf(function, StringComparison.Ordinal) + 1);
        }),
    ];

    private string NamesOf(IEnumerable<uint> oids) => string.Join(',', oids.Select(oid => fixture.Catalog.Current.Tables[oid])
        .Select(table => table.Schema == "public" ? table.Name : table.Schema + "." + table.Name).Order(StringComparer.Ordinal));
}
