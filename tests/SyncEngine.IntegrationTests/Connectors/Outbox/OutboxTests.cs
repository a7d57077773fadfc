using Npgsql;
using SyncEngine.Connectors.Targets;
using SyncEngine.IntegrationTests.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>One node on a real outbox: the messages, their order and ids, and the rows that are left in the table.</summary>
public sealed class OutboxTests(PostgresFixture postgres)
{
    [Fact]
    public async Task A_row_is_published_once_with_the_headers_that_clients_expect()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        outbox.Start(target);

        await outbox.ExecuteAsync("""
            INSERT INTO outbox (mutation_id, channel, name, rejected, data, headers) VALUES
            ('m1', 'foo', 'test', false, '{}', '{}'),
            ('m2', 'foo', 'test', true, NULL, '{"pages": [1, 2], "n": 1.50, "x-ably-models-event-uuid": "theirs"}')
            """);
        await target.UntilCountAsync("foo", 2);

        Assert.Equal(
            [
                new OutboundMessage("foo", "1", "test", "{}", """{"x-ably-models-event-uuid":"m1"}"""),
                new OutboundMessage("foo", "2", "test", null, """{"x-ably-models-event-uuid":"m2","x-ably-models-reject":"true","n":1.50,"pages":"[1, 2]"}"""),
            ],
            target.Of("foo"));
        Assert.Empty(target.Faults);
    }

    [Fact]
    public async Task The_highest_row_stays_as_tombstone_until_a_later_one_is_published()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        outbox.Start(target);

        for (var i = 1; i <= 10; i++)
        {
            await outbox.InsertAsync($"channel {i % 3}", $"e{i}");
        }

        await Eventually.TrueAsync(async () => await outbox.ScalarAsync<string>(
            "SELECT string_agg(sequence_id || ' ' || processed, ',') FROM outbox") == "10 true");
        await outbox.InsertAsync("channel 1", "e11");
        await Eventually.TrueAsync(async () => await outbox.ScalarAsync<string>(
            "SELECT string_agg(sequence_id || ' ' || processed, ',') FROM outbox") == "11 true");
        Assert.Empty(target.Faults);
    }

    [Fact]
    public async Task Without_the_processed_column_every_published_row_goes()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres, hasProcessed: false);
        var target = new RecordingTarget();
        outbox.Start(target);

        await outbox.InsertAsync("foo", "a");
        await outbox.InsertAsync("foo", "b");

        await Eventually.TrueAsync(async () => await outbox.ScalarAsync<long>("SELECT count(*) FROM outbox") == 0);
        Assert.Equal(["a", "b"], target.Of("foo").Select(message => message.Name));
    }

    [Fact]
    public async Task A_row_that_commits_after_a_higher_id_was_published_gets_a_fresh_id_and_waits_for_no_other_row()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        outbox.Start(target);
        await using var slow = await outbox.Database.DataSource.OpenConnectionAsync();
        await using var open = await slow.BeginTransactionAsync();
        await using var insert = new NpgsqlCommand(
            "INSERT INTO outbox (mutation_id, channel, name) VALUES ('late', 'foo', 'late'), ('late elsewhere', 'bar', 'late elsewhere')",
            slow, open);
        await insert.ExecuteNonQueryAsync();

        await outbox.InsertAsync("foo", "early");
        await target.UntilCountAsync("foo", 1);
        await open.CommitAsync();
        await target.UntilCountAsync("foo", 2);
        await target.UntilCountAsync("bar", 1);

        Assert.Equal(["early", "late"], target.Of("foo").Select(message => message.Name));
        Assert.Equal("3", target.Of("foo")[0].Id);
        Assert.All([target.Of("foo")[1], target.Of("bar")[0]], message => Assert.True(long.Parse(message.Id) > 3));
        Assert.Empty(target.Faults);
    }

    [Fact]
    public async Task A_lost_answer_is_asked_for_again_under_the_same_id_before_anything_later()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        var lost = 0;
        target.After = (message, _) => Task.FromResult(
            message.Name == "a" && Interlocked.Increment(ref lost) < 3 ? new Refusal(RefusalKind.Retry, "timeout", "no answer") : null);
        outbox.Start(target);

        await outbox.InsertAsync("foo", "a");
        await outbox.InsertAsync("foo", "b");
        await target.UntilCountAsync("foo", 2);

        Assert.Equal(["a", "b"], target.Of("foo").Select(message => message.Name));
        Assert.Equal(2, target.Repeats);
        Assert.Empty(target.Faults);
    }

    [Fact]
    public async Task A_failing_channel_holds_only_itself_and_goes_on_when_it_can()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        var isBroken = true;
        target.Before = (message, _) => Task.FromResult(
            Volatile.Read(ref isBroken) && message.Channel == "broken" ? new Refusal(RefusalKind.Retry, "50000", "not now") : null);
        var node = outbox.Start(target);

        await outbox.ExecuteAsync(
            "INSERT INTO outbox (mutation_id, channel, name) SELECT i::text, 'broken', 'b' || i FROM generate_series(1, 7000) i");
        for (var i = 0; i < 20; i++)
        {
            await outbox.InsertAsync("sound", $"s{i}");
        }

        await target.UntilCountAsync("sound", 20);
        await Eventually.TrueAsync(() => Task.FromResult(node.Health.Blocked is [{ Channel: "broken", Code: "50000" }]));
        Assert.Empty(target.Of("broken"));
        Volatile.Write(ref isBroken, false);
        await target.UntilCountAsync("broken", 7000);

        Assert.Equal(Enumerable.Range(1, 7000).Select(i => $"b{i}"), target.Of("broken").Select(message => message.Name));
        Assert.Equal(Enumerable.Range(1, 7000).Select(i => $"{i}"), target.Of("broken").Select(message => message.Id));
        Assert.Empty(target.Faults);
    }

    [Fact]
    public async Task A_row_that_can_never_be_stored_becomes_a_dead_letter_and_its_channel_goes_on()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        target.Before = (message, _) => Task.FromResult(
            message.Name == "poison" ? new Refusal(RefusalKind.Never, "40009", "too large") : null);
        outbox.Start(target);

        await outbox.InsertAsync("foo", "poison", "{\"a\": 1}");
        await outbox.InsertAsync("foo", "sound");
        await target.UntilCountAsync("foo", 1);

        await Eventually.TrueAsync(async () => await outbox.ScalarAsync<string>(
            "SELECT source || ' ' || target || ' ' || code || ' ' || error || ' ' || (payload::jsonb ->> 'mutation_id')"
            + " FROM sync.dead_letters")
            == "\"public\".\"outbox\" recording:foo 40009 too large poison");
        await Eventually.TrueAsync(
            async () => await outbox.ScalarAsync<string>("SELECT string_agg(sequence_id::text, ',') FROM outbox") == "2");
    }

    [Fact]
    public async Task By_option_such_a_row_holds_its_channel()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        target.Before = (message, _) => Task.FromResult(
            message.Name == "poison" ? new Refusal(RefusalKind.Never, "40009", "too large") : null);
        var node = outbox.Start(target, options: outbox.Options with { Refused = SyncEngine.Connectors.Outbox.RefusedRow.Hold });

        await outbox.InsertAsync("foo", "poison");
        await outbox.InsertAsync("foo", "after");
        await outbox.InsertAsync("bar", "other");

        await target.UntilCountAsync("bar", 1);
        await Eventually.TrueAsync(() => Task.FromResult(node.Health.Blocked is [{ Channel: "foo", Code: "40009", Tries: > 2 }]));
        Assert.Empty(target.Of("foo"));
    }

    [Fact]
    public async Task Rows_whose_trigger_is_disabled_are_found_by_the_safety_poll()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres, hasTrigger: false);
        var target = new RecordingTarget();
        outbox.Start(target);
        await outbox.InsertAsync("foo", "a");
        await target.UntilCountAsync("foo", 1);
        await outbox.InsertAsync("foo", "b");
        await target.UntilCountAsync("foo", 2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_recreated_table_goes_on_above_the_highest_id_ever_published(bool whileRunning)
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        var node = outbox.Start(target);
        for (var i = 0; i < 5; i++)
        {
            await outbox.InsertAsync("foo", $"a{i}");
        }

        await target.UntilCountAsync("foo", 5);
        if (!whileRunning)
        {
            await node.StopAsync();
        }

        await outbox.ExecuteAsync("DROP TABLE outbox");
        await outbox.CreateTablesAsync();
        await outbox.InsertAsync("foo", "b0");
        if (!whileRunning)
        {
            outbox.Start(target);
        }

        await outbox.InsertAsync("foo", "b1");
        await target.UntilCountAsync("foo", 7);
        await outbox.InsertAsync("foo", "b2");
        await target.UntilCountAsync("foo", 8);

        Assert.Equal(["a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2"], target.Of("foo").Select(message => message.Name));
        Assert.Empty(target.Faults);
    }

    [Fact]
    public async Task A_table_of_100_KB_rows_does_not_need_them_in_memory_at_once()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        await outbox.ExecuteAsync(
            "INSERT INTO outbox (mutation_id, channel, name, data)"
            + " SELECT i::text, 'c' || i % 5, 'x', jsonb_build_object('text', repeat(md5(i::text), 3200))"
            + " FROM generate_series(1, 600) i");
        outbox.Start(target);
        await target.UntilAsync(all => all.All.Count == 600, "600 messages");
        Assert.All(target.All, message => Assert.True(message.Data!.Length > 100_000));
        Assert.Empty(target.Faults);
    }

    [Fact]
    public async Task A_stop_under_load_loses_and_repeats_nothing_that_was_answered()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        var first = outbox.Start(target);
        await outbox.ExecuteAsync(
            "INSERT INTO outbox (mutation_id, channel, name) SELECT i::text, 'c' || i % 10, 'e' || i FROM generate_series(1, 5000) i");
        await target.UntilAsync(all => all.All.Count > 300, "a part");
        await first.StopAsync();
        Assert.Equal(0, await outbox.ScalarAsync<long>("SELECT count(*) FROM nodes"));
        var repeats = target.Repeats;

        outbox.Start(target);
        await target.UntilAsync(all => all.All.Count == 5000, "all");
        Assert.Equal(repeats, target.Repeats);
        Assert.Empty(target.Faults);
    }
}
