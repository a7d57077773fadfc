using Dapper;
using SyncEngine.Connectors.Targets;
using SyncEngine.IntegrationTests.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>Unusual outboxes: other columns, triggers and keys of the application's own, restored dumps, roles of all kinds.</summary>
public sealed class OddTableTests(PostgresFixture postgres)
{
    [Fact]
    public async Task The_progress_of_another_cluster_s_dump_keeps_its_numbers_and_none_of_its_transactions()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        await outbox.ExecuteAsync("INSERT INTO sync.outbox_progress VALUES ('\"public\".\"outbox\"', 0, '4000000000')");
        var target = new RecordingTarget();
        outbox.Start(target);
        await LateAfterEarlyAsync(outbox, target);
        Assert.Empty(target.Faults);
    }

    [Fact]
    public async Task A_table_recreated_where_no_table_keeps_progress_goes_on_above_what_the_process_remembers()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        await outbox.ExecuteAsync("DROP TABLE sync.outbox_progress");
        var target = new RecordingTarget();
        outbox.Start(target);
        for (var i = 0; i < 5; i++)
        {
            await outbox.InsertAsync("foo", $"old{i}");
        }

        await target.UntilCountAsync("foo", 5);
        await outbox.ExecuteAsync("DROP TABLE outbox");
        await outbox.CreateTablesAsync(["outbox/outbox.sql", "outbox/trigger.sql"]);
        for (var i = 0; i < 5; i++)
        {
            await outbox.InsertAsync("foo", $"new{i}");
        }

        await target.UntilCountAsync("foo", 10);
        Assert.Empty(target.Faults);
    }

    [Fact]
    public async Task A_sequence_id_that_is_always_generated_is_published_late_rows_under_their_own_ids()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        await outbox.ExecuteAsync(
            "ALTER TABLE outbox ALTER sequence_id DROP DEFAULT; DROP SEQUENCE outbox_sequence_id_seq; ALTER TABLE outbox"
            + " ALTER sequence_id ADD GENERATED ALWAYS AS IDENTITY");
        var target = new RecordingTarget();
        outbox.Start(target);
        await LateAfterEarlyAsync(outbox, target);
        Assert.Equal(["2", "1"], target.Of("foo").Select(message => message.Id));
    }

    [Fact]
    public async Task Data_of_type_json_that_jsonb_cannot_hold_becomes_a_dead_letter_all_the_same()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        await outbox.ExecuteAsync("ALTER TABLE outbox ALTER data TYPE json");
        var target = new RecordingTarget
        {
            Before = (message, _) => Task.FromResult(
                message.Name == "bad" ? new Refusal(RefusalKind.Never, "40009", "too large") : null),
        };
        outbox.Start(target);
        await outbox.ExecuteAsync(
            "INSERT INTO outbox (mutation_id, channel, name, data)"
            + " VALUES ('m', 'foo', 'bad', '{\"a\":\"\\u0000\"}'), ('n', 'foo', 'good', '{}')");
        await target.UntilCountAsync("foo", 1);
        await Eventually.TrueAsync(
            async () => await outbox.ScalarAsync<long>("SELECT count(*) FROM sync.dead_letters WHERE payload LIKE '%\\u0000%'") == 1);
    }

    [Fact]
    public async Task A_row_that_the_application_still_refers_to_holds_up_no_other()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        await outbox.ExecuteAsync("""
            CREATE TABLE log (id bigint REFERENCES outbox);
            WITH row AS (INSERT INTO outbox (mutation_id, channel, name) VALUES ('m', 'foo', 'kept') RETURNING sequence_id) SELECT sequence_id INTO TEMP kept FROM row;
            INSERT INTO log SELECT sequence_id FROM kept;
            INSERT INTO outbox (mutation_id, channel, name) SELECT i, 'c' || i % 50, i FROM generate_series(1, 3000) i
            """);
        var target = new RecordingTarget();
        var node = outbox.Start(target);
        await target.UntilAsync(all => all.All.Count == 3_001, "all");
        await Eventually.TrueAsync(async () => await outbox.ScalarAsync<long>("SELECT count(*) FROM outbox") == 2);
        await Eventually.TrueAsync(() => Task.FromResult(
            node.Health.Fault?.StartsWith("1 published row cannot be removed: PostgreSQL refuses: ", StringComparison.Ordinal) == true));

        await outbox.ExecuteAsync("DROP TABLE log");
        await Eventually.TrueAsync(async () => await outbox.ScalarAsync<long>("SELECT count(*) FROM outbox") == 1);
        await outbox.InsertAsync("foo", "after");
        await Eventually.TrueAsync(() => Task.FromResult(node.Health.Fault is null));
        Assert.Empty(target.Faults);
    }

    [Fact]
    public async Task Rounds_that_fail_repeatedly_are_reported_until_they_succeed()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        await outbox.ExecuteAsync(
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'not today'; END$$; CREATE TRIGGER no BEFORE"
            + " UPDATE ON outbox FOR EACH ROW EXECUTE FUNCTION no()");
        var target = new RecordingTarget();
        var node = outbox.Start(target);
        await outbox.InsertAsync("foo", "a");
        await Eventually.TrueAsync(() => Task.FromResult(node.Health.Fault == "PostgreSQL refuses: not today (SQLSTATE P0001)"));

        await outbox.ExecuteAsync("DROP TRIGGER no ON outbox");
        await target.UntilCountAsync("foo", 1);
        await Eventually.TrueAsync(() => Task.FromResult(node.Health.Fault is null));
    }

    [Fact]
    public async Task A_process_in_reduced_mode_and_others_in_full_mode_keep_each_other_out()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var role = await outbox.CreateRoleAsync("reduced");
        await outbox.ExecuteAsync($"GRANT SELECT, DELETE ON outbox TO {role}");
        var target = new RecordingTarget();
        var reduced = outbox.Start(target.As(new object()), role: role);
        await Eventually.TrueAsync(() => Task.FromResult(reduced.Health.Mode == "reduced: SELECT and DELETE alone"));
        var full = outbox.Start(target.As(new object()));
        await Eventually.TrueAsync(() => Task.FromResult(full.Health.Fault?.Contains("reduced mode", StringComparison.Ordinal) == true));
        await outbox.InsertAsync("foo", "by the reduced one");
        await target.UntilCountAsync("foo", 1);

        await reduced.StopAsync();
        await Eventually.TrueAsync(() => Task.FromResult(full.Health.Fault is null));
        var standingBy = outbox.Start(target.As(new object()), role: role);
        await outbox.InsertAsync("foo", "by the full one");
        await target.UntilCountAsync("foo", 2);
        await Eventually.TrueAsync(
            () => Task.FromResult(standingBy.Health.Mode?.Contains("standing by", StringComparison.Ordinal) == true));
        Assert.Equal(0, target.Repeats);
        Assert.Empty(target.Faults);
    }

    [Fact]
    public async Task A_target_may_ask_for_a_wait_but_not_for_months()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget
        {
            Before = (message, _) => Task.FromResult(
                message.Channel == "slow" ? new Refusal(RefusalKind.Retry, "42910", "slow", TimeSpan.FromDays(60)) : null),
        };
        var node = outbox.Start(target);
        await outbox.InsertAsync("slow", "a");
        await Eventually.TrueAsync(() => Task.FromResult(node.Health.Blocked is [{ Channel: "slow" }]));
        await outbox.InsertAsync("foo", "b");
        await target.UntilCountAsync("foo", 1);
        Assert.Null(node.Health.Fault);
    }

    [Fact]
    public async Task A_message_refused_for_reasons_of_its_own_is_tried_eight_times()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var tries = 0;
        var target = new RecordingTarget
        {
            Before = (message, _) =>
            {
                tries += message.Name == "odd" ? 1 : 0;
                return Task.FromResult(message.Name == "odd" ? new Refusal(RefusalKind.Uncertain, "http_422", "odd") : null);
            },
        };
        outbox.Start(target);
        await outbox.InsertAsync("foo", "odd");
        await outbox.InsertAsync("foo", "after");
        await target.UntilCountAsync("foo", 1);
        Assert.Equal(8, tries);
        await Eventually.TrueAsync(async () => await outbox.ScalarAsync<string>("SELECT code FROM sync.dead_letters") == "http_422");
    }

    private static async Task LateAfterEarlyAsync(OutboxDatabase outbox, RecordingTarget target)
    {
        await using var slow = await outbox.Database.DataSource.OpenConnectionAsync();
        await using var open = await slow.BeginTransactionAsync();
        await slow.ExecuteAsync("INSERT INTO outbox (mutation_id, channel, name) VALUES ('late', 'foo', 'late')", transaction: open);
        await outbox.InsertAsync("foo", "early");
        await target.UntilCountAsync("foo", 1);
        await open.CommitAsync();
        await target.UntilCountAsync("foo", 2);
        Assert.Equal(["early", "late"], target.Of("foo").Select(message => message.Name));
    }
}
