using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using SyncEngine.Catalog;
using SyncEngine.Changes;
using SyncEngine.Postgres.Catalog;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.IntegrationTests.Postgres.Catalog;

public sealed class CatalogReaderTests(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;
    private CatalogReader catalog = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        catalog = ReaderAs(database.DataSource);
    }

    public async ValueTask DisposeAsync()
    {
        catalog.Dispose();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task Columns_keys_and_identity_are_read()
    {
        await database.ExecuteAsync(
            """
            CREATE TABLE a (dropped int, k2 int, k1 text NOT NULL, n numeric(8, 3), g int GENERATED ALWAYS AS (k2 * 2) STORED, PRIMARY KEY (k1, k2));
            ALTER TABLE a DROP COLUMN dropped;
            CREATE TABLE whole (x int, y int GENERATED ALWAYS AS (x) STORED);
            ALTER TABLE whole REPLICA IDENTITY FULL;
            CREATE TABLE indexed (x int NOT NULL, y int);
            CREATE UNIQUE INDEX indexed_x ON indexed (x);
            ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_x;
            CREATE TEMP TABLE gone (id int);
            CREATE VIEW v AS SELECT k1 FROM a;
            CREATE PUBLICATION sync FOR ALL TABLES;
            """);
        var schema = await catalog.RefreshAsync(CancellationToken.None);
        var a = schema.Find(null, "a")!;

        Assert.Equal(["2 k2 int4 -1 True True", "3 k1 text -1 True True", "4 n numeric 524295 False True", "5 g int4 -1 False False"],
            a.Columns.Select(column => $"{column.Number} {column.Name} {column.Type.DisplayName} {column.TypeModifier} {column.IsNotNull} {column.IsStreamed}"));
        Assert.Equal([3, 2], a.PrimaryKey);
        Assert.Equal([3, 2], a.IdentityColumns);
        Assert.Equal(
            (ReplicaIdentity.Full, "1"),
            (schema.Find("public", "whole")!.Identity, string.Join(',', schema.Find("public", "whole")!.IdentityColumns)));
        Assert.Equal(
            (ReplicaIdentity.Index, "1"),
            (schema.Find("public", "indexed")!.Identity, string.Join(',', schema.Find("public", "indexed")!.IdentityColumns)));
        Assert.Null(schema.Find(null, "gone"));
        Assert.Equal(('v', false), (schema.Find(null, "v")!.Kind, schema.Find(null, "v")!.IsStreamed));
        Assert.All(["a", "whole", "indexed"], name => Assert.True(schema.Find(null, name)!.IsStreamed, schema.Find(null, name)!.NotStreamedBecause));
        Assert.DoesNotContain(schema.Tables.Values, table => table.Schema is "pg_catalog" or "information_schema");
    }

    [Fact]
    public async Task Text_is_distinguished_by_its_collation()
    {
        await database.ExecuteAsync(
            """
            CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            CREATE DOMAIN label AS text;
            CREATE TABLE t (plain text, c text COLLATE "C", posix varchar COLLATE "POSIX", icu text COLLATE "und-x-icu",
              loose text COLLATE loose, padded char(3), number int, named name, label label COLLATE "C");
            """);
        var columns = (await catalog.RefreshAsync(CancellationToken.None)).Find(null, "t")!.Columns;
        var isBytewise = await database.ScalarAsync<bool>(
            "SELECT datcollate IN ('C', 'POSIX') FROM pg_database WHERE datname = current_database()");

        Assert.Equal(
            [
                $"plain True {isBytewise}", "c True True", "posix True True", "icu True False", "loose False False", "padded False False",
                "number False False", "named True True", "label True True",
            ],
            columns.Select(column => $"{column.Name} {column.HasByteEquality} {column.HasByteOrder}"));
    }

    [Fact]
    public async Task The_default_collation_of_a_C_database_is_bytewise()
    {
        await using var bytewise = await postgres.CreateDatabaseAsync("TEMPLATE template0 LOCALE 'C'");
        await bytewise.ExecuteAsync("CREATE TABLE t (plain text, icu text COLLATE \"und-x-icu\")");
        using var reader = ReaderAs(bytewise.DataSource);

        Assert.Equal(
            [true, false],
            (await reader.RefreshAsync(CancellationToken.None)).Find(null, "t")!.Columns.Select(column => column.HasByteOrder));
    }

    [Fact]
    public async Task Types_are_built_all_the_way_down()
    {
        await database.ExecuteAsync(
            """
            CREATE SCHEMA s;
            CREATE TYPE s.mood AS ENUM ('sad', 'ok');
            ALTER TYPE s.mood ADD VALUE 'meh' BEFORE 'ok';
            CREATE TYPE s.point3 AS (x int, gone int, moods s.mood[]);
            ALTER TYPE s.point3 DROP ATTRIBUTE gone;
            CREATE DOMAIN s.inner_domain AS int; CREATE DOMAIN s.outer_domain AS s.inner_domain;
            CREATE TYPE s.span AS RANGE (subtype = float8);
            CREATE EXTENSION hstore SCHEMA s;
            CREATE TABLE s.t (p s.point3, ps s.point3[], d s.outer_domain, r s.span, h s.hstore, b box[], i int[]);
            """);
        var table = (await catalog.RefreshAsync(CancellationToken.None)).Find("s", "t")!;
        SqlType TypeOf(string column) => table.ColumnNamed(column)!.Type;

        Assert.Equal(
            (SqlTypeKind.Composite, "s.point3", "x moods"),
            (TypeOf("p").Kind, TypeOf("p").DisplayName, string.Join(' ', TypeOf("p").Attributes.Select(member => member.Name))));
        Assert.Equal(
            ("s.mood[]", "sad meh ok"),
            (TypeOf("p").Attributes[1].Type.DisplayName, string.Join(' ', TypeOf("p").Attributes[1].Type.Element!.EnumLabels)));
        Assert.Equal((SqlTypeKind.Array, "s.point3[]"), (TypeOf("ps").Kind, TypeOf("ps").DisplayName));
        Assert.Equal((SqlTypeKind.Domain, TypeOid.Int4), (TypeOf("d").Kind, TypeOf("d").Underlying.Oid));
        Assert.Equal(SqlTypeKind.Range, TypeOf("r").Kind);
        Assert.True(TypeOf("h").HasJsonCast);
        Assert.False(TypeOf("p").HasJsonCast);
        Assert.Equal(("box[]", ';'), (TypeOf("b").DisplayName, TypeOf("b").Delimiter));
        Assert.Equal(("int4[]", ','), (TypeOf("i").DisplayName, TypeOf("i").Delimiter));
    }

    [Fact]
    public async Task Partitions_are_judged_one_by_one_and_their_parent_by_all()
    {
        await database.ExecuteAsync(
            """
            CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);
            CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
            CREATE UNLOGGED TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
            CREATE TABLE q (id int PRIMARY KEY) PARTITION BY RANGE (id);
            CREATE TABLE q1 PARTITION OF q FOR VALUES FROM (0) TO (10);
            CREATE PUBLICATION sync FOR TABLE q, p1;
            """);
        var schema = await catalog.RefreshAsync(CancellationToken.None);

        Assert.Equal((true, true), (schema.Find(null, "q")!.IsStreamed, schema.Find(null, "q1")!.IsStreamed));
        Assert.Equal(
            (false, "has the partition \"public.p2\", which is unlogged"),
            (schema.Find(null, "p")!.IsStreamed, schema.Find(null, "p")!.NotStreamedBecause));
        Assert.Equal([schema.Find(null, "p1")!.Oid, schema.Find(null, "p2")!.Oid], schema.Find(null, "p")!.Children);

        await database.ExecuteAsync("ALTER PUBLICATION sync SET (publish_via_partition_root = true)");
        schema = await catalog.RefreshAsync(CancellationToken.None);
        Assert.Equal("is a partition that publication \"sync\" publishes as its root", schema.Find(null, "q1")!.NotStreamedBecause);
    }

    [Theory]
    [InlineData("CREATE PUBLICATION sync FOR TABLES IN SCHEMA public", true, null)]
    [InlineData("CREATE PUBLICATION sync FOR ALL TABLES", true, null)]
    [InlineData("CREATE PUBLICATION sync FOR TABLE t (id)", false, "has a column list in publication \"sync\"")]
    [InlineData("CREATE PUBLICATION sync FOR TABLE t WHERE (id > 1)", false, "has a row filter in publication \"sync\"")]
    [InlineData(
        "CREATE PUBLICATION sync FOR TABLE t WITH (publish = 'insert')", false,
        "is in publication \"sync\", which leaves out kinds of changes")]
    [InlineData("CREATE PUBLICATION sync", false, "is not in publication \"sync\"")]
    [InlineData("SELECT 1", false, "is not in publication \"sync\", which does not exist")]
    public async Task A_table_is_streamed_as_its_publication_says(string publication, bool isStreamed, string? because)
    {
        await database.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY, a int); " + publication);
        var table = (await catalog.RefreshAsync(CancellationToken.None)).Find(null, "t")!;

        Assert.Equal((isStreamed, because), (table.IsStreamed, table.NotStreamedBecause));
        Assert.Equal(isStreamed, table.StreamedIf is null);
    }

    [Fact]
    public async Task A_generated_column_is_streamed_where_the_publication_sends_it()
    {
        if (await database.ScalarAsync<int>("SELECT current_setting('server_version_num')::int") < 180000)
        {
            Assert.Skip("generated columns are sent from 18 on");
        }

        await database.ExecuteAsync("""
            CREATE TABLE t (id int PRIMARY KEY, s int GENERATED ALWAYS AS (id) STORED, v int GENERATED ALWAYS AS (id) VIRTUAL);
            CREATE PUBLICATION sync FOR TABLE t WITH (publish_generated_columns = stored)
            """);
        var table = (await catalog.RefreshAsync(CancellationToken.None)).Find(null, "t")!;

        Assert.True(table.IsStreamed, table.NotStreamedBecause);
        Assert.Equal([true, true, false], table.Columns.Select(column => column.IsStreamed));
    }

    [Fact]
    public async Task The_SQL_of_the_hint_makes_the_table_streamed()
    {
        await database.ExecuteAsync("CREATE PUBLICATION sync; CREATE UNLOGGED TABLE t (id int)");
        var steps = 0;
        Table table;
        while ((table = (await catalog.RefreshAsync(CancellationToken.None)).Find(null, "t")!) is { IsStreamed: false, StreamedIf: { } hint } && steps++ < 5)
        {
            foreach (System.Text.RegularExpressions.Match statement in System.Text.RegularExpressions.Regex.Matches(hint, "ALTER .+?(?=;|, then| if it)"))
            {
                await database.ExecuteAsync(statement.Value);
            }
        }

        Assert.Equal((true, 2), (table.IsStreamed, steps));
    }

    [Fact]
    public async Task A_table_published_after_the_first_read_is_marked_and_keeps_its_mark()
    {
        await database.ExecuteAsync(
            "CREATE TABLE early (id int PRIMARY KEY); CREATE TABLE late (id int PRIMARY KEY); CREATE PUBLICATION sync FOR TABLE early");
        await catalog.RefreshAsync(CancellationToken.None);
        await using var writer = await database.DataSource.OpenConnectionAsync();
        await using var begin = new Npgsql.NpgsqlCommand("BEGIN; INSERT INTO early VALUES (1); SELECT pg_current_xact_id()::text", writer);
        var inFlight = ulong.Parse((string)(await begin.ExecuteScalarAsync())!);
        await database.ExecuteAsync("ALTER PUBLICATION sync ADD TABLE late");

        var schema = await catalog.RefreshAsync(CancellationToken.None);
        var mark = schema.Find(null, "late")!.StreamedAfterXid;
        Assert.True(mark > inFlight);
        Assert.Equal(0UL, schema.Find(null, "early")!.StreamedAfterXid);

        await database.ExecuteAsync("CREATE TABLE more (id int PRIMARY KEY)");
        Assert.Equal(mark, (await catalog.RefreshAsync(CancellationToken.None)).Find(null, "late")!.StreamedAfterXid);

        await database.ExecuteAsync("ALTER PUBLICATION sync DROP TABLE early; ALTER PUBLICATION sync ADD TABLE early");
        Assert.True((await catalog.RefreshAsync(CancellationToken.None)).Find(null, "early")!.StreamedAfterXid > mark);

        catalog.MarkPublished([schema.Find(null, "more")?.Oid ?? await database.OidAsync("more")], 999_999);
        Assert.Equal(999_999UL, (await catalog.RefreshAsync(CancellationToken.None)).Find(null, "more")!.StreamedAfterXid);
    }

    [Theory]
    [InlineData("ALTER TABLE t ADD COLUMN more int")]
    [InlineData("ALTER TABLE t DROP COLUMN name")]
    [InlineData("ALTER TABLE t RENAME COLUMN name TO title")]
    [InlineData("ALTER TABLE t RENAME TO renamed")]
    [InlineData("ALTER TABLE t SET SCHEMA s")]
    [InlineData("ALTER TABLE t ALTER COLUMN name TYPE varchar(9)")]
    [InlineData("ALTER TABLE t ALTER COLUMN price TYPE numeric(12, 4)")]
    [InlineData("ALTER TABLE t ALTER COLUMN name TYPE text COLLATE \"C\"")]
    [InlineData("ALTER TABLE t ALTER COLUMN name SET NOT NULL")]
    [InlineData("ALTER TABLE t DROP CONSTRAINT t_pkey")]
    [InlineData("ALTER TABLE t REPLICA IDENTITY FULL")]
    [InlineData("ALTER TABLE t ENABLE ROW LEVEL SECURITY")]
    [InlineData("ALTER TABLE t FORCE ROW LEVEL SECURITY")]
    [InlineData("CREATE POLICY other ON t USING (false)")]
    [InlineData("ALTER POLICY own ON t USING (id > 2)")]
    [InlineData("DROP POLICY own ON t")]
    [InlineData("GRANT SELECT ON t TO PUBLIC")]
    [InlineData("REVOKE SELECT ON t FROM fingerprint_reader")]
    [InlineData("GRANT SELECT (id) ON t TO PUBLIC")]
    [InlineData("REVOKE USAGE ON SCHEMA public FROM PUBLIC")]
    [InlineData("ALTER TABLE t OWNER TO fingerprint_reader")]
    [InlineData("GRANT fingerprint_group TO fingerprint_reader")]
    [InlineData("ALTER ROLE fingerprint_reader BYPASSRLS")]
    [InlineData("ALTER ROLE fingerprint_reader NOINHERIT")]
    [InlineData("ALTER TYPE mood ADD VALUE 'great'")]
    [InlineData("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'")]
    [InlineData("ALTER DOMAIN positive SET NOT NULL")]
    [InlineData("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql STABLE AS 'SELECT 2'")]
    [InlineData("ALTER FUNCTION f() VOLATILE")]
    [InlineData("CREATE CAST (mood AS positive) WITH FUNCTION from_mood(mood)")]
    [InlineData("CREATE OPERATOR = (LEFTARG = mood, RIGHTARG = text, FUNCTION = mood_is)")]
    [InlineData("TRUNCATE t")]
    [InlineData("CLUSTER t USING t_pkey")]
    [InlineData("ALTER PUBLICATION sync DROP TABLE t")]
    [InlineData("ALTER PUBLICATION sync SET (publish = 'insert')")]
    [InlineData("ALTER PUBLICATION sync SET TABLE t WHERE (id > 1), p, v_base")]
    [InlineData("DROP PUBLICATION sync")]
    [InlineData("DROP PUBLICATION sync; CREATE PUBLICATION sync FOR TABLE t, p, v_base")]
    [InlineData("CREATE TABLE heir () INHERITS (t)")]
    [InlineData("CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)", "p")]
    [InlineData("ALTER TABLE p DETACH PARTITION p1", "p")]
    [InlineData("ALTER TABLE p DETACH PARTITION p1", "p1")]
    [InlineData("ALTER TABLE p ATTACH PARTITION loose FOR VALUES FROM (20) TO (30)", "p")]
    [InlineData("TRUNCATE p1", "p1")]
    [InlineData("CREATE OR REPLACE VIEW v AS SELECT id + 1 AS id FROM v_base", "v")]
    [InlineData("ALTER VIEW v SET (security_barrier = true)", "v")]
    [InlineData("ALTER VIEW v OWNER TO fingerprint_reader", "v")]
    public async Task Every_change_that_may_change_an_answer_changes_the_poll_and_the_fingerprint(string change, string table = "t")
    {
        await RolesAsync();
        try
        {
            await FingerprintSchemaAsync();
            var before = await catalog.RefreshAsync(CancellationToken.None);
            var poll = await catalog.ReadPollFingerprintAsync(CancellationToken.None);
            await database.ExecuteAsync(change);

            Assert.NotEqual(poll, await catalog.ReadPollFingerprintAsync(CancellationToken.None));
            var after = await catalog.RefreshAsync(CancellationToken.None);
            var oid = before.Find(null, table)!.Oid;
            Assert.NotEqual(before.Tables[oid].Fingerprint, after.Tables[oid].Fingerprint);
            Assert.Equal(before.Version + 1, after.Version);
        }
        finally
        {
            await DropRolesAsync();
        }
    }

    [Theory]
    [InlineData("ANALYZE; VACUUM")]
    [InlineData("INSERT INTO t (id, name) VALUES (7, 'x')")]
    [InlineData("CREATE TEMP TABLE passing (id int PRIMARY KEY, body text)")]
    [InlineData("CREATE TEMP VIEW passing_view AS SELECT 1 AS one")]
    [InlineData("DO 'BEGIN PERFORM 1; END'")]
    public async Task A_change_that_changes_no_answer_leaves_the_poll_as_it_was(string statement)
    {
        await RolesAsync();
        try
        {
            await FingerprintSchemaAsync();
            await catalog.RefreshAsync(CancellationToken.None);
            var poll = await catalog.ReadPollFingerprintAsync(CancellationToken.None);
            await using var session = await database.DataSource.OpenConnectionAsync();
            foreach (var part in statement.StartsWith("ANALYZE", StringComparison.Ordinal) ? statement.Split(';') : [statement])
            {
                await using var command = new Npgsql.NpgsqlCommand(part, session);
                await command.ExecuteNonQueryAsync();
            }

            Assert.Equal(poll, await catalog.ReadPollFingerprintAsync(CancellationToken.None));
        }
        finally
        {
            await DropRolesAsync();
        }
    }

    [Fact]
    public async Task A_change_to_one_table_leaves_the_fingerprints_of_others()
    {
        await database.ExecuteAsync("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)");
        var before = await catalog.RefreshAsync(CancellationToken.None);
        await database.ExecuteAsync("ALTER TABLE a ADD COLUMN x int; CREATE TABLE c (id int); CREATE INDEX ON b (id)");
        var after = await catalog.RefreshAsync(CancellationToken.None);

        Assert.NotEqual(before.Find(null, "a")!.Fingerprint, after.Find(null, "a")!.Fingerprint);
        Assert.Equal(before.Find(null, "b")!.Fingerprint, after.Find(null, "b")!.Fingerprint);
    }

    [Fact]
    public async Task Nothing_is_raised_when_nothing_differs()
    {
        await database.ExecuteAsync("CREATE TABLE a (id int PRIMARY KEY)");
        var first = await catalog.RefreshAsync(CancellationToken.None);
        catalog.Changed += _ => Assert.Fail("nothing changed");

        Assert.Same(first, await catalog.RefreshAsync(CancellationToken.None));
    }

    [Fact]
    public async Task The_poll_finds_a_change_and_ends_when_it_is_cancelled()
    {
        await catalog.RefreshAsync(CancellationToken.None);
        using var ending = new CancellationTokenSource();
        var seen = new TaskCompletionSource<DatabaseSchema>(TaskCreationOptions.RunContinuationsAsynchronously);
        catalog.Changed += schema => seen.TrySetResult(schema);
        var running = catalog.RunAsync(ending.Token);
        await database.ExecuteAsync("CREATE TABLE appeared (id int PRIMARY KEY)");

        Assert.NotNull((await seen.Task.WaitAsync(TimeSpan.FromSeconds(10))).Find(null, "appeared"));
        await ending.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task An_ordinary_role_reads_the_same_catalog()
    {
        await RolesAsync();
        try
        {
            await FingerprintSchemaAsync();
            var whole = await catalog.RefreshAsync(CancellationToken.None);
            using var ordinary = ReaderAs(database.As("fingerprint_reader"));
            var seen = await ordinary.RefreshAsync(CancellationToken.None);

            Assert.Equal(
                whole.Tables.Values.OrderBy(table => table.Oid).Select(table => (table.Name, table.Fingerprint, table.IsStreamed)),
                seen.Tables.Values.OrderBy(table => table.Oid).Select(table => (table.Name, table.Fingerprint, table.IsStreamed)));
            Assert.Equal(
                await catalog.ReadPollFingerprintAsync(CancellationToken.None),
                await ordinary.ReadPollFingerprintAsync(CancellationToken.None));
        }
        finally
        {
            await DropRolesAsync();
        }
    }

    [Fact]
    public async Task Operators_of_users_are_noticed_on_the_search_path_only()
    {
        await database.ExecuteAsync("""
            CREATE SCHEMA elsewhere;
            CREATE FUNCTION same(int, text) RETURNS bool LANGUAGE sql IMMUTABLE RETURN true;
            CREATE OPERATOR elsewhere.= (LEFTARG = int, RIGHTARG = text, FUNCTION = same)
            """);
        Assert.False((await catalog.RefreshAsync(CancellationToken.None)).HasForeignOperators);

        await database.ExecuteAsync("CREATE OPERATOR public.< (LEFTARG = int, RIGHTARG = text, FUNCTION = same)");
        Assert.True((await catalog.RefreshAsync(CancellationToken.None)).HasForeignOperators);
    }

    [Fact]
    public async Task The_poll_is_cheap_with_a_thousand_tables()
    {
        await database.ExecuteAsync("""
            DO $$ BEGIN
              FOR i IN 1..1000 LOOP
                EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a text, b text, c int, d int, e timestamptz)', i);
              END LOOP;
            END $$
            """);
        await catalog.RefreshAsync(CancellationToken.None);
        var best = TimeSpan.MaxValue;
        for (var i = 0; i < 10; i++)
        {
            var clock = Stopwatch.StartNew();
            await catalog.ReadPollFingerprintAsync(CancellationToken.None);
            best = clock.Elapsed < best ? clock.Elapsed : best;
        }

        TestContext.Current.SendDiagnosticMessage($"poll over 1,000 tables: {best.TotalMilliseconds:0.0} ms");
        Assert.True(best < TimeSpan.FromMilliseconds(100), best.ToString());
    }

    private static CatalogReader ReaderAs(Npgsql.NpgsqlDataSource source) =>
        new(
            source, new CatalogOptions { PollInterval = TimeSpan.FromMilliseconds(50) }, TimeProvider.System,
            NullLogger<CatalogReader>.Instance);

    private Task RolesAsync() =>
        database.ExecuteAsync($"CREATE ROLE fingerprint_reader LOGIN PASSWORD '{TestDatabase.RolePassword}'; CREATE ROLE fingerprint_group");

    private Task DropRolesAsync() => database.ExecuteAsync(
        "REASSIGN OWNED BY fingerprint_reader TO CURRENT_USER; DROP OWNED BY fingerprint_reader; DROP ROLE fingerprint_reader; DROP ROLE fingerprint_group");

    private Task FingerprintSchemaAsync() => database.ExecuteAsync(
        """
        CREATE SCHEMA s;
        CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE DOMAIN positive AS int CHECK (VALUE > 0);
        CREATE FUNCTION f() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
        CREATE FUNCTION from_mood(mood) RETURNS positive LANGUAGE sql IMMUTABLE AS 'SELECT 1::positive';
        CREATE FUNCTION mood_is(mood, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
        CREATE TABLE t (id int PRIMARY KEY, name text, price numeric(10, 2), mood mood, amount positive);
        CREATE POLICY own ON t USING (id > 1);
        GRANT SELECT ON t TO fingerprint_reader;
        CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        CREATE TABLE loose (id int PRIMARY KEY);
        CREATE TABLE v_base (id int PRIMARY KEY);
        CREATE VIEW v AS SELECT id FROM v_base;
        CREATE PUBLICATION sync FOR TABLE t, p, v_base;
        """);
}
