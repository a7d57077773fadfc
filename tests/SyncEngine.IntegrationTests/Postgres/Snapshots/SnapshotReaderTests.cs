using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Postgres.Catalog;
using SyncEngine.Postgres.Embedded;
using SyncEngine.Postgres.Sessions;
using SyncEngine.Postgres.Snapshots;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.IntegrationTests.Postgres.Snapshots;

public sealed class SnapshotReaderTests(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;
    private CatalogReader catalog = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        await database.ExecuteAsync(
            """
            CREATE TABLE item (id int PRIMARY KEY, name text, price numeric, flag bool, made timestamptz, padded char(4));
            INSERT INTO item SELECT n, 'item ' || n, n / 10.0, n % 2 = 0, '2024-01-01Z'::timestamptz + n * interval '1 s', 'ab' FROM generate_series(1, 3) n;
            CREATE PUBLICATION sync FOR ALL TABLES;
            """);
        catalog = new CatalogReader(database.DataSource, new CatalogOptions(), TimeProvider.System, NullLogger<CatalogReader>.Instance);
        await catalog.RefreshAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        catalog.Dispose();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task Values_arrive_as_PostgreSQL_prints_them_and_null_stays_null()
    {
        var read = await ReadAsync(Request(
            "SELECT id, name, price, flag, made, padded, NULL, '' FROM item WHERE id <= $1 ORDER BY id", "2"));

        Assert.Equal(
            ["1|item 1|0.10000000000000000000|f|2024-01-01 00:00:01+00|ab  |<null>|", "2|item 2|0.20000000000000000000|t|2024-01-01 00:00:02+00|ab  |<null>|"],
            RowsOf(read, 0));
    }

    [Fact]
    public async Task Several_requests_share_one_snapshot_and_the_upper_bound_lies_above_it()
    {
        var before = Changes.Lsn.Parse((await database.ScalarAsync<string>("SELECT pg_current_wal_insert_lsn()::text"))!);
        var read = await ReadAsync(
            Request("SELECT pg_current_snapshot()"),
            Request("SELECT count(*) FROM item"),
            Request("SELECT pg_current_snapshot()"),
            Request("SELECT id FROM item WHERE false"));

        Assert.Equal(RowsOf(read, 0), RowsOf(read, 2));
        Assert.Equal($"{read.Snapshot.Xmin}", RowsOf(read, 0)[0].Split(':')[0]);
        Assert.Empty(RowsOf(read, 3));
        Assert.True(read.UpperBound >= before);
    }

    [Fact]
    public async Task A_query_that_fails_is_answered_with_its_error_and_the_others_are_read()
    {
        var read = await ReadAsync(
            Request("SELECT 1"), Request("SELECT 1 / (id - 1) FROM item"), Request(
                "SELECT name FROM item WHERE id = $1", "2"), Request("SELECT nope FROM item"));

        Assert.Equal(["1"], RowsOf(read, 0));
        Assert.Equal((ErrorCode.QueryFailed, "22012"), (read.Results[1].Error!.Code, read.Results[1].Error!.SqlState!));
        Assert.Equal(["item 2"], RowsOf(read, 2));
        Assert.Equal((ErrorCode.UnknownColumn, (int?)8), (read.Results[3].Error!.Code, read.Results[3].Error!.Position));
    }

    [Fact]
    public async Task A_value_that_its_parameter_cannot_hold_is_a_type_mismatch()
    {
        var read = await ReadAsync(Request("SELECT id FROM item WHERE id = $1", "many"));

        Assert.Equal(ErrorCode.TypeMismatch, read.Results[0].Error!.Code);
    }

    [Theory]
    [InlineData(100, 1_000_000)]
    [InlineData(1_000_000, 5000)]
    public async Task A_result_past_a_limit_is_refused_without_reading_it_all(int rows, int bytes)
    {
        var clock = Stopwatch.StartNew();
        var read = await ReadAsync(
            new SnapshotOptions { RowsPerResult = rows, BytesPerResult = bytes }, Principal.Engine,
            Request("SELECT 1"), Request("SELECT generate_series(1, 500000000), repeat('x', 100)"), Request("SELECT 2"));

        Assert.Equal(ErrorCode.ResultTooLarge, read.Results[1].Error!.Code);
        Assert.Equal(["1"], RowsOf(read, 0));
        Assert.Equal(["2"], RowsOf(read, 2));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5), clock.Elapsed.ToString());
    }

    [Fact]
    public async Task A_statement_past_its_time_is_a_query_timeout_and_the_others_are_read()
    {
        var session = new QuerySessionOptions { StatementTimeout = TimeSpan.FromMilliseconds(150) };
        var reader = new SnapshotReader(database.DataSource, catalog, session, new SnapshotOptions());
        var read = await reader.ReadAsync(
            [Request("SELECT 1"), Request("SELECT pg_sleep(60)"), Request("SELECT 2")], Principal.Engine, CancellationToken.None);

        Assert.Equal(ErrorCode.QueryTimeout, read.Results[1].Error!.Code);
        Assert.Equal(["2"], RowsOf(read, 2));
    }

    [Fact]
    public async Task Cancellation_ends_the_statement_in_the_server()
    {
        using var cancellation = new CancellationTokenSource();
        var reading = new SnapshotReader(database.DataSource, catalog, new QuerySessionOptions(), new SnapshotOptions())
            .ReadAsync([Request("SELECT pg_sleep(60)")], Principal.Engine, cancellation.Token);
        await UntilAsync("SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'");
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        await UntilAsync("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'");
    }

    [Fact]
    public async Task A_truncate_waits_until_the_read_that_locked_the_table_has_ended()
    {
        var item = await database.OidAsync("item");
        // The first query waits until the TRUNCATE queues behind the read's lock; the second must still see the rows.
        var waits = Request("SELECT pg_advisory_xact_lock_shared(42)");
        await using var holder = await database.DataSource.OpenConnectionAsync();
        await using var hold = new Npgsql.NpgsqlCommand("SELECT pg_advisory_lock(42)", holder);
        await hold.ExecuteNonQueryAsync();
        var reading = ReadAsync(waits, Request("SELECT count(*) FROM item") with { LockTables = [item] });
        await UntilAsync("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
        var truncating = database.ExecuteAsync("TRUNCATE item");
        await UntilAsync("SELECT count(*) = 1 FROM pg_locks WHERE relation = 'item'::regclass AND NOT granted");
        await using var release = new Npgsql.NpgsqlCommand("SELECT pg_advisory_unlock(42)", holder);
        await release.ExecuteNonQueryAsync();

        Assert.Equal(["3"], RowsOf(await reading, 1));
        await truncating;
        Assert.Equal(["0"], RowsOf(await ReadAsync(Request("SELECT count(*) FROM item")), 0));
    }

    [Fact]
    public async Task A_table_that_the_engine_may_not_lock_is_read_without_the_lock_by_roles_that_may()
    {
        await database.ExecuteAsync(
            $"""
            CREATE ROLE lock_engine LOGIN PASSWORD '{TestDatabase.RolePassword}'; CREATE ROLE lock_reader; GRANT lock_reader TO lock_engine; ALTER ROLE lock_engine NOINHERIT;
            GRANT SELECT ON item TO lock_reader;
            """);
        try
        {
            var item = await database.OidAsync("item");
            var reader = new SnapshotReader(database.As("lock_engine"), catalog, new QuerySessionOptions(), new SnapshotOptions());
            var read = await reader.ReadAsync(
                [Request("SELECT count(*) FROM item") with { LockTables = [item] }],
                new Principal(null, null, "lock_reader", null, null),
                CancellationToken.None);

            Assert.Equal(["3"], RowsOf(read, 0));
        }
        finally
        {
            await database.ExecuteAsync("DROP OWNED BY lock_reader; DROP ROLE lock_engine; DROP ROLE lock_reader");
        }
    }

    [Fact]
    public async Task Role_and_claims_hold_for_the_queries_and_leave_nothing_behind()
    {
        await database.ExecuteAsync(
            """
            CREATE ROLE snapshot_reader;
            GRANT SELECT ON item TO snapshot_reader;
            ALTER TABLE item ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON item USING (id = (current_setting('request.jwt.claims')::json ->> 'item')::int);
            """);
        try
        {
            var principal = new Principal("i", "s", "snapshot_reader", """{"item": 2, "quote": "it's \\ a trap"}""", null);
            var read = await ReadAsync(
                new SnapshotOptions(),
                principal,
                Request("SELECT id FROM item"),
                Request("SELECT current_user, current_setting('request.jwt.claims')::json ->> 'quote'"));

            Assert.Equal(["2"], RowsOf(read, 0));
            Assert.Equal([@"snapshot_reader|it's \ a trap"], RowsOf(read, 1));
            Assert.Equal(
                [$"3|{EmbeddedPostgres.UserName}|{{}}"],
                RowsOf(
                    await ReadAsync(Request("SELECT count(*), current_user, current_setting('request.jwt.claims', true) FROM item")), 0));
        }
        finally
        {
            await database.ExecuteAsync("DROP OWNED BY snapshot_reader; DROP ROLE snapshot_reader");
        }
    }

    [Theory]
    [InlineData("no_such_role")]
    [InlineData("none")]
    [InlineData("")]
    [InlineData(EmbeddedPostgres.UserName)]
    public async Task Roles_that_do_not_exist_or_escape_policies_are_refused(string role)
    {
        var error = await Assert.ThrowsAsync<SyncException>(() => ReadAsync(
            new SnapshotOptions(), new Principal(null, null, role, null, null), Request("SELECT 1")));

        Assert.Equal(ErrorCode.PermissionDenied, error.Code);
    }

    [Fact]
    public async Task A_pooled_connection_that_was_lost_is_replaced_once()
    {
        await ReadAsync(Request("SELECT 1"));
        await using var admin = await postgres.CreateDatabaseAsync();
        await admin.ExecuteAsync(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
                + "AND datname = '" + DatabaseName + "'");

        Assert.Equal(["2"], RowsOf(await ReadAsync(Request("SELECT 2")), 0));
    }

    [Fact]
    public async Task A_database_that_is_away_is_source_unavailable()
    {
        await using var away = Npgsql.NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=missing;Database=nothing");
        var reader = new SnapshotReader(away, catalog, new QuerySessionOptions(), new SnapshotOptions());
        var error = await Assert.ThrowsAsync<SyncException>(() => reader.ReadAsync(
            [Request("SELECT 1")], Principal.Engine, CancellationToken.None));

        Assert.Equal(ErrorCode.SourceUnavailable, error.Code);
    }

    [Fact]
    public async Task Large_values_and_columnless_rows_pass()
    {
        var read = await ReadAsync(Request("SELECT repeat('é', 100000)"), Request("SELECT FROM item"));

        Assert.Equal(100000, RowsOf(read, 0)[0].Length);
        Assert.Equal(3, read.Results[1].Rows!.Rows.Count);
    }

    [Fact]
    public async Task Ten_thousand_rows_are_read_within_sixty_milliseconds()
    {
        await database.ExecuteAsync(
            "CREATE TABLE many AS SELECT n AS id, 'row number ' || n AS body, now() AS made FROM generate_series(1, 10000) n");
        var request = Request("SELECT id, body, made FROM many");
        var best = TimeSpan.MaxValue;
        for (var i = 0; i < 20; i++)
        {
            var clock = Stopwatch.StartNew();
            var read = await ReadAsync(request);
            best = clock.Elapsed < best ? clock.Elapsed : best;
            Assert.Equal(10000, read.Results[0].Rows!.Rows.Count);
        }

        TestContext.Current.SendDiagnosticMessage($"10,000 rows: {best.TotalMilliseconds:0.0} ms");
        Assert.True(best < TimeSpan.FromMilliseconds(60), best.ToString());
    }

    private string DatabaseName => database.Name;

    private Task<SnapshotRead> ReadAsync(params SnapshotRequest[] requests) => ReadAsync(new SnapshotOptions(), Principal.Engine, requests);

    private Task<SnapshotRead> ReadAsync(SnapshotOptions options, Principal principal, params SnapshotRequest[] requests) =>
        new SnapshotReader(
            database.DataSource, catalog, new QuerySessionOptions(), options).ReadAsync(requests, principal, CancellationToken.None);

    private async Task UntilAsync(string condition)
    {
        var clock = Stopwatch.StartNew();
        while (!await database.ScalarAsync<bool>(condition))
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), "never came true: " + condition);
            await Task.Yield();
        }
    }

    private static SnapshotRequest Request(string sql, params string?[] parameters) => new(sql, [.. parameters], [], [], new BarEncoder());

    private static string[] RowsOf(SnapshotRead read, int index)
    {
        Assert.Null(read.Results[index].Error);
        return [.. read.Results[index].Rows!.Rows.Select(row => Encoding.UTF8.GetString(row.Json))];
    }

    /// <summary>Columns between bars.</summary>
    private sealed class BarEncoder : RowEncoder
    {
        private readonly List<byte> row = [];
        private bool isFirst;

        public override void Begin()
        {
            row.Clear();
            isFirst = true;
        }

        public override void Add(ReadOnlySpan<byte> text, bool isNull)
        {
            if (!isFirst)
            {
                row.Add((byte)'|');
            }

            isFirst = false;
            row.AddRange(isNull ? "<null>"u8 : text);
        }

        public override EncodedRow End() => new(new RowKey([]), [.. row]);
    }
}
