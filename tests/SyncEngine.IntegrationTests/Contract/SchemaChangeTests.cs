using System.Net;
using SyncEngine.IntegrationTests.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>The frames of a subscription while the schema changes.</summary>
public sealed class SchemaChangeTests(SchemaChangeEngine shared) : IClassFixture<SchemaChangeEngine>
{
    private readonly Engine engine = shared.Engine;
    private readonly string table = shared.NextTable();

    [Theory]
    [InlineData("ALTER TABLE {0} ADD COLUMN extra int4 DEFAULT 5")]
    [InlineData("ALTER TABLE {0} DROP COLUMN n")]
    [InlineData("ALTER TABLE {0} RENAME COLUMN note TO remark")]
    [InlineData("ALTER TABLE {0} ALTER COLUMN n TYPE int8")]
    [InlineData("ALTER TABLE {0} ALTER COLUMN note TYPE varchar(10)")]
    public async Task Columns_that_change_end_the_subscription_with_schema_changed(string change)
    {
        await using var watch = await engine.WatchAsync($"SELECT * FROM {table}");

        await engine.ExecuteAsync(string.Format(change, table));

        await watch.FrameAsync("error", code: "schema_changed");
        await watch.EndAsync();
        await using var again = await WatchAgainAsync($"SELECT * FROM {table}");
        await engine.ExecuteAsync($"INSERT INTO {table} (id) VALUES (1)");
        await again.UntilAsync(() => again.Result.Count == 1, "one row");
    }

    [Theory]
    [InlineData("ALTER TABLE {0} ADD COLUMN extra int4")]
    [InlineData("ALTER TABLE {0} DROP COLUMN n")]
    [InlineData("ALTER TABLE {0} ALTER COLUMN n TYPE int8")]
    [InlineData("CREATE INDEX ON {0} (note)")]
    [InlineData("ALTER TABLE {0} REPLICA IDENTITY FULL")]
    [InlineData("VACUUM FULL {0}")]
    public async Task Changes_that_the_columns_do_not_show_leave_the_subscription_right(string change)
    {
        await using var watch = await engine.WatchAsync($"SELECT id, note FROM {table}");
        await engine.ExecuteAsync($"INSERT INTO {table} (id, note) VALUES (1, 'one')");
        await watch.RowsAsync("""[1,"one"]""");

        await engine.ExecuteAsync(string.Format(change, table));
        await engine.ExecuteAsync($"INSERT INTO {table} (id, note) VALUES (2, 'two'); UPDATE {table} SET note = 'ONE' WHERE id = 1");

        await watch.RowsAsync("""[1,"ONE"]""", """[2,"two"]""");
    }

    [Theory]
    [InlineData("DROP TABLE {0}")]
    [InlineData("ALTER TABLE {0} RENAME TO {0}_renamed")]
    [InlineData("ALTER TABLE {0} RENAME COLUMN note TO remark")]
    [InlineData("ALTER TABLE {0} DROP COLUMN note")]
    [InlineData("ALTER TABLE {0} SET SCHEMA elsewhere")]
    public async Task A_dropped_relation_of_the_query_ends_the_subscription(string change)
    {
        await using var incremental = await engine.WatchAsync($"SELECT id, note FROM {table}");
        await using var requery = await engine.WatchAsync($"SELECT count(DISTINCT note) FROM {table}");

        await engine.ExecuteAsync(string.Format(change, table));

        foreach (var watch in (Watch[])[incremental, requery])
        {
            var error = await watch.FrameAsync("error");
            Assert.Contains(error.GetProperty("code").GetString(), (string[])["schema_changed", "unknown_relation", "unknown_column"]);
            await watch.EndAsync();
        }
    }

    [Fact]
    public async Task TRUNCATE_empties_the_result()
    {
        await using var incremental = await engine.WatchAsync($"SELECT id, note FROM {table}");
        await using var requery = await engine.WatchAsync($"SELECT count(*), max(note) FROM {table}");
        await engine.ExecuteAsync($"INSERT INTO {table} VALUES (1, 'one'), (2, 'two')");
        await incremental.RowsAsync("""[1,"one"]""", """[2,"two"]""");
        await requery.RowsAsync("""["2","two"]""");

        await engine.ExecuteAsync($"BEGIN; INSERT INTO {table} VALUES (3, 'three'); TRUNCATE {table}; INSERT INTO {table} VALUES (2, 'two'), (4, 'four'); COMMIT");

        await incremental.RowsAsync("""[2,"two"]""", """[4,"four"]""");
        await requery.RowsAsync("""["2","two"]""");
        await engine.ExecuteAsync($"TRUNCATE {table}");
        await incremental.RowsAsync();
        await requery.RowsAsync("""["0",null]""");
    }

    [Fact]
    public async Task Partitions_bring_and_take_their_rows()
    {
        await engine.ExecuteAsync(
            """
            CREATE TABLE parted (id int4 PRIMARY KEY, note text) PARTITION BY RANGE (id);
            CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (100);
            CREATE TABLE parted_high (id int4 PRIMARY KEY, note text);
            INSERT INTO parted VALUES (1, 'low');
            INSERT INTO parted_high VALUES (101, 'high');
            """);
        await using var root = await WatchAgainAsync("SELECT id, note FROM parted");
        await using var leaf = await WatchAgainAsync("SELECT id, note FROM parted_high");
        await root.RowsAsync("""[1,"low"]""");

        await engine.ExecuteAsync("ALTER TABLE parted ATTACH PARTITION parted_high FOR VALUES FROM (100) TO (200)");
        await root.RowsAsync("""[1,"low"]""", """[101,"high"]""");
        await engine.ExecuteAsync("INSERT INTO parted VALUES (102, 'more'); UPDATE parted SET id = 103 WHERE id = 1");
        await root.RowsAsync("""[101,"high"]""", """[102,"more"]""", """[103,"low"]""");
        await engine.ExecuteAsync("ALTER TABLE parted DETACH PARTITION parted_high");
        await root.RowsAsync();
        await engine.ExecuteAsync("INSERT INTO parted_high VALUES (104, 'alone'); INSERT INTO parted VALUES (2, 'two')");
        await root.RowsAsync("""[2,"two"]""");
        if (!leaf.HasEnded)
        {
            await leaf.RowsAsync("""[101,"high"]""", """[102,"more"]""", """[103,"low"]""", """[104,"alone"]""");
        }
    }

    [Fact]
    public async Task A_query_that_fails_is_stale_until_it_is_healed()
    {
        await engine.ExecuteAsync($"INSERT INTO {table} (id, n) VALUES (1, 2)");
        await using var watch = await engine.WatchAsync($"SELECT id, 100 / n AS share FROM {table}");
        await using var neighbour = await engine.WatchAsync($"SELECT id, n FROM {table}");
        await watch.RowsAsync("[1,50]");

        await engine.ExecuteAsync($"INSERT INTO {table} (id, n) VALUES (2, 0)");
        var stale = await watch.FrameAsync("stale");
        Assert.Equal("query_failed", stale.GetProperty("code").GetString());
        Assert.Equal("22012", stale.GetProperty("sqlstate").GetString());
        await neighbour.RowsAsync("[1,2]", "[2,0]");

        await engine.ExecuteAsync($"UPDATE {table} SET n = 4 WHERE id = 2");
        await watch.RowsAsync("[1,50]", "[2,25]");
    }

    [Fact]
    public async Task A_query_that_fails_at_once_is_refused()
    {
        await engine.ExecuteAsync($"INSERT INTO {table} (id, n) VALUES (1, 0)");
        var answer = await engine.PostQueryAsync($"SELECT id, 100 / n AS share FROM {table}");
        if (answer.Status == HttpStatusCode.Created)
        {
            // Also allowed: accepted, and refused on the stream.
            await using var watch = await engine.StreamAsync(Engine.Read(answer));
            await watch.UntilAsync(() => watch.Result.Code == "query_failed", "query_failed", mayEnd: true);
            return;
        }

        Assert.Equal("400 query_failed", answer.Outcome);
        Assert.Equal("22012", answer.Json.GetProperty("sqlstate").GetString());
    }

    [Fact]
    public async Task A_query_of_the_current_time_is_run_again()
    {
        await engine.ExecuteAsync($"ALTER TABLE {table} ADD COLUMN due timestamptz; INSERT INTO {table} (id, due) VALUES (1, now() + interval '3 seconds'), (2, now() + interval '1 day')");
        await using var watch = await WatchAgainAsync($"SELECT id FROM {table} WHERE due <= now()");
        Assert.Equal("requery", watch.Subscription.Plan.Mode);
        await watch.RowsAsync("[1]");

        var plan = await engine.PostAsync("/explain", $$"""{"query": "SELECT id FROM {{table}} WHERE due <= now()"}""");
        Assert.Matches(@"\b\d", plan.Json.GetProperty("reason").GetString() ?? "");
    }

    [Fact]
    public async Task An_enum_that_gains_a_value_can_use_it()
    {
        await engine.ExecuteAsync($"CREATE TYPE mood AS ENUM ('sad', 'glad'); ALTER TABLE {table} ADD COLUMN mood mood");
        await using var watch = await WatchAgainAsync($"SELECT id, mood FROM {table} ORDER BY mood, id");

        await engine.ExecuteAsync("ALTER TYPE mood ADD VALUE 'so so' BEFORE 'glad'");
        await engine.ExecuteAsync($"INSERT INTO {table} (id, mood) VALUES (1, 'glad'), (2, 'so so'), (3, 'sad')");

        await watch.RowsAsync("""[3,"sad"]""", """[2,"so so"]""", """[1,"glad"]""");
    }

    [Fact]
    public async Task A_table_that_leaves_the_publication_is_not_shown_as_live_with_old_rows()
    {
        await using var watch = await engine.WatchAsync($"SELECT id, note FROM {table}");

        await engine.ExecuteAsync($"ALTER PUBLICATION sync DROP TABLE {table}; INSERT INTO {table} VALUES (1, 'unseen')");

        // The engine puts it back by itself, and may end the subscription in between.
        await watch.UntilAsync(() => watch.HasEnded || watch.Result.Rows.SequenceEqual(["""[1,"unseen"]"""]), "an end, or the unseen row", mayEnd: true);
        Assert.True(!watch.HasEnded || watch.Result.Code == "not_published", watch.Result.Code);
        await using var again = await WatchAgainAsync($"SELECT id, note FROM {table}");
        await engine.ExecuteAsync($"INSERT INTO {table} VALUES (2, 'seen')");
        await again.RowsAsync("""[1,"unseen"]""", """[2,"seen"]""");
    }

    [Fact]
    public async Task A_view_that_is_redefined_shows_its_new_rows()
    {
        await engine.ExecuteAsync($"CREATE VIEW {table}_view AS SELECT id, note FROM {table} WHERE n = 0; INSERT INTO {table} VALUES (1, 'one', 0), (2, 'two', 1)");
        await using var watch = await WatchAgainAsync($"SELECT id, note FROM {table}_view");
        await watch.RowsAsync("""[1,"one"]""");

        await engine.ExecuteAsync($"CREATE OR REPLACE VIEW {table}_view AS SELECT id, note FROM {table} WHERE n = 1");

        await watch.RowsAsync("""[2,"two"]""");
    }

    [Fact]
    public async Task The_engine_heals_when_its_walsender_is_killed()
    {
        await using var own = await Engine.StartAsync(shared.Postgres, "CREATE TABLE t (id int4 PRIMARY KEY, note text)");
        await using var incremental = await own.WatchAsync("SELECT id, note FROM t");
        await using var requery = await own.WatchAsync("SELECT count(*) FROM t");
        for (var round = 1; round <= 3; round++)
        {
            await own.ExecuteAsync($"INSERT INTO t VALUES ({round * 10}, 'before')");
            await own.Database.ScalarAsync<bool>("SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE pid IN (SELECT active_pid FROM pg_replication_slots WHERE database = current_database())");
            await own.ExecuteAsync($"INSERT INTO t VALUES ({round * 10 + 1}, 'between'); DELETE FROM t WHERE id = {round * 10}");
            var after = await own.CommitAsync($"UPDATE t SET note = 'after {round}'");

            await incremental.PassAsync(after);
            await requery.PassAsync(after);
            await incremental.RowsAsync([.. Enumerable.Range(1, round).Select(past => $"""[{past * 10 + 1},"after {round}"]""")]);
            await requery.RowsAsync($"""["{round}"]""");
        }
    }

    /// <summary>The engine needs a moment to know of a change that was made just now.</summary>
    private async Task<Watch> WatchAgainAsync(string query)
    {
        Answer answer = null!;
        await Eventually.TrueAsync(async () => (answer = await engine.PostQueryAsync(query)).Status == HttpStatusCode.Created);
        var watch = await engine.StreamAsync(Engine.Read(answer));
        await watch.LiveAsync();
        return watch;
    }
}

/// <summary>A server whose tables the tests change.</summary>
public sealed class SchemaChangeEngine(PostgresFixture postgres) : IAsyncLifetime
{
    private int tables;

    public PostgresFixture Postgres => postgres;

    public Engine Engine { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Engine = await Engine.StartAsync(
        postgres,
        "CREATE SCHEMA elsewhere; " + string.Join(";\n", Enumerable.Range(0, 40).Select(number => $"CREATE TABLE t{number} (id int4 PRIMARY KEY, note text, n int4 NOT NULL DEFAULT 0)")));

    public ValueTask DisposeAsync() => Engine.DisposeAsync();

    public string NextTable() => $"t{Interlocked.Increment(ref tables) - 1}";
}
