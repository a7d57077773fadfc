using System.Globalization;
using System.Text.Json;
using Dapper;
using Npgsql;
using SyncEngine.AblySimulator;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>
/// From a real outbox to Ably's simulator: the order, ids and shape of messages, and the end of rows that Ably refuses for good.
/// </summary>
public sealed class AblyScenarioTests(PostgresFixture postgres)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Late_rows_get_ids_above_every_maximum_that_was_read_without_them(int seed)
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Start();
        var random = new Random(seed);
        var stored = 0;
        for (var round = 0; round < 8; round++)
        {
            // Some begin and take numbers; others commit before them, and readers read in between.
            var open = new List<(NpgsqlConnection Connection, NpgsqlTransaction Transaction, (string Channel, string Name)[] Events)>();
            for (var i = 0; i < 3; i++)
            {
                var connection = await run.Outbox.Database.DataSource.OpenConnectionAsync();
                var transaction = await connection.BeginTransactionAsync();
                (string Channel, string Name)[] events = [("foo", $"foo/{round}.{i}"), ("bar", $"bar/{round}.{i}")];
                foreach (var (channel, name) in events)
                {
                    await connection.ExecuteAsync(
                        "SAVEPOINT s; INSERT INTO outbox (mutation_id, channel, name) VALUES (@name, @channel, @name)",
                        new { channel, name });
                }

                open.Add((connection, transaction, events));
            }

            await run.WriteAsync(("foo", $"foo/{round}.early"));
            await run.Ably.WaitForAllAsync(++stored, AblyRun.Deadline);
            while (open.Count > 0)
            {
                var (connection, transaction, events) = open[random.Next(open.Count)];
                open.RemoveAll(each => each.Connection == connection);
                var read = await run.Outbox.ScalarAsync<long>("SELECT max(sequence_id) FROM outbox");
                await transaction.CommitAsync();
                await connection.DisposeAsync();
                run.Expect(events);
                await run.Ably.WaitForAllAsync(stored += 2, AblyRun.Deadline);
                Assert.All(
                    events,
                    late => Assert.True(AblyRun.IdOf(run.Ably.Messages(late.Channel).Single(message => message.Name == late.Name)) > read));
            }
        }

        await run.CompleteAsync();
    }

    [Fact]
    public async Task A_transaction_of_more_rows_than_a_poll_returns_keeps_its_order_although_its_first_rows_are_late()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Start();
        await using var writer = await run.Outbox.Database.DataSource.OpenConnectionAsync();
        await using var open = await writer.BeginTransactionAsync();
        const string insert = """
            INSERT INTO outbox (mutation_id, channel, name)
            SELECT c || i, c, c || i FROM generate_series(@first, @last) i, unnest(ARRAY['foo/', 'bar/']) c
            """;
        await writer.ExecuteAsync(insert, new { first = 1, last = 5 });
        await run.WriteManyAsync("baz", 1);
        await run.Ably.WaitForAllAsync(1, AblyRun.Deadline);
        await writer.ExecuteAsync(insert, new { first = 6, last = 3_000 });
        await open.CommitAsync();
        foreach (var channel in new[] { "foo/", "bar/" })
        {
            run.Expect([.. Enumerable.Range(1, 3_000).Select(number => (channel, $"{channel}{number}"))]);
        }

        await run.CompleteAsync();
    }

    [Fact]
    public async Task A_lost_acknowledgement_is_asked_for_again_under_the_same_id_and_stored_once()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Ably.Inject(new Fault.LoseAnswer(), "foo", times: 3);
        run.Start();
        await run.WriteManyAsync("foo", 3);
        await run.CompleteAsync();
        Assert.Equal(3, run.Ably.Arrivals.Count(arrival => arrival is { Outcome: Outcome.Repeated, Name: "foo/e1" }));
    }

    [Fact]
    public async Task Lost_acknowledgements_of_batches_are_asked_for_again_channel_by_channel()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Ably.Inject(new Fault.LoseAnswer(), endpoints: Endpoints.Batch, times: 3);
        run.Ably.Inject(new Fault.StoreThenFail(), endpoints: Endpoints.Batch, times: 3);
        await run.WriteAsync([.. Enumerable.Range(0, 200).Select(number => ($"c{number % 40}", $"e{number}"))]);
        run.Start(options => options with { ConcurrentRequests = 1 });
        await run.CompleteAsync();
        Assert.Contains(run.Ably.Arrivals, arrival => arrival is { Outcome: Outcome.Repeated });
    }

    [Theory]
    [InlineData(64 * 1024)] // found before a request is made
    [InlineData(1024 * 1024)] // refused by Ably, whose limit is lower than the one configured
    public async Task A_row_of_100_KB_is_a_dead_letter_and_its_channel_goes_on(int maxMessageBytes)
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Start(options => options with { MaxMessageBytes = maxMessageBytes });
        await run.WriteManyAsync("foo", 2, "before");
        await run.Outbox.InsertAsync("foo", "large", JsonSerializer.Serialize(new { text = new string('x', 100_000) }));
        await run.Outbox.InsertAsync("foo", new string('n', 70_000));
        await run.WriteManyAsync("foo", 2, "after");
        await run.CompleteAsync();
        Assert.Equal("40009 2", await run.DeadLettersAsync());
        Assert.Equal(100_000, await run.Outbox.ScalarAsync<int>(
            "SELECT length(payload::jsonb -> 'data' ->> 'text') FROM sync.dead_letters ORDER BY id LIMIT 1"));
    }

    [Fact]
    public async Task Rows_of_names_that_no_channel_has_are_dead_letters()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Start();
        foreach (var channel in new[] { "", "[x]", ":x", "a\nb", new string('é', 6_000) })
        {
            await run.Outbox.InsertAsync(channel, "e");
        }

        await run.WriteManyAsync("foo", 3);
        await run.CompleteAsync();
        Assert.Equal("40010 5", await run.DeadLettersAsync());
        Assert.Equal(["foo"], run.Ably.Channels);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    public async Task Channels_of_any_other_name_are_addressed_as_they_are_alone_and_in_batches(int requests)
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        string[] channels = ["größe/☃", "a b%2F?#&=+", "..", ".", " ", "\\\"'", "x:[y]", "\t", "😀", new string('c', 2_000)];
        for (var number = 0; number < 5; number++)
        {
            await run.WriteAsync([.. channels.Select((channel, at) => (channel, $"{at}.{number}"))]);
        }

        run.Start(options => options with { ConcurrentRequests = requests });
        await run.CompleteAsync();
        Assert.Equal("", await run.DeadLettersAsync());
    }

    [Fact]
    public async Task Headers_that_are_nested_arrive_as_text_and_are_accepted()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Start();
        await run.Outbox.ExecuteAsync("""
            INSERT INTO outbox (mutation_id, channel, name, rejected, headers) VALUES
            ('m1', 'foo', 'e', true, '{"pages": [1, "zwei"], "nested": {"a": {"b": null}}, "s": "text", "n": 1.50, "b": false, "z": null, "x-ably-models-event-uuid": "theirs"}'),
            ('m2', 'foo', 'e', false, '[1, 2]'),
            ('m3', 'foo', 'e', false, 'null'),
            ('m4', 'foo', 'e', false, NULL)
            """);
        var seen = await run.Ably.WaitForAsync("foo", 4, AblyRun.Deadline);
        Assert.Equal(
            [
                """{"x-ably-models-event-uuid":"m1","x-ably-models-reject":"true","b":false,"n":1.50,"s":"text","z":null,"pages":"[1, \"zwei\"]","nested":"{\"a\": {\"b\": null}}"}""",
                """{"x-ably-models-event-uuid":"m2","headers":"[1, 2]"}""",
                """{"x-ably-models-event-uuid":"m3"}""",
                """{"x-ably-models-event-uuid":"m4"}""",
            ],
            seen.Select(message => AblyRun.Headers(message).GetRawText()));
        Assert.Equal("", await run.DeadLettersAsync());
    }

    [Fact]
    public async Task Data_of_every_shape_arrives_as_the_JSON_that_was_written()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Start();
        string?[] data =
        [
            null, "null", "true", "\"text\"", "\"größe ☃ 😀 \\u0001\"", "12345678901234567890.50", "[]", "[1, [2]]", "{}",
            "{\"é\": {\"a\": null}}",
        ];
        foreach (var (value, number) in data.Select((value, number) => (value, number)))
        {
            await run.Outbox.InsertAsync("foo", $"e{number}", value!);
        }

        var longest = new string('é', 15_000);
        await run.Outbox.InsertAsync("foo", longest);
        var seen = await run.Ably.WaitForAsync("foo", data.Length + 1, AblyRun.Deadline);
        Assert.Equal(data, seen.Take(data.Length).Select(message => message.Data));
        Assert.Equal([null, .. Enumerable.Repeat("json", data.Length)], seen.Select(message => message.Encoding));
        Assert.Equal(longest, seen[^1].Name);
    }

    [Fact]
    public async Task Rows_of_a_channel_that_the_key_may_not_publish_on_are_dead_letters_and_hold_up_no_other()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Ably.AddKey("application.limited:secret", """{"open:*":["publish"]}""");
        run.Start(options => options with { Key = "application.limited:secret", ConcurrentRequests = 2 });
        await run.WriteAsync(
            [.. Enumerable.Range(0, 100).Select(number => ($"{(number % 2 == 0 ? "open" : "closed")}:{number % 10}", $"e{number}"))]);
        await run.CompleteAsync("closed:1", "closed:3", "closed:5", "closed:7", "closed:9");
        Assert.Equal("40160 50", await run.DeadLettersAsync());
    }

    [Fact]
    public async Task Rows_are_found_while_the_trigger_is_disabled()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Start();
        await run.WriteManyAsync("foo", 1, "a");
        await run.Ably.WaitForAllAsync(1, AblyRun.Deadline);
        await run.Outbox.ExecuteAsync("ALTER TABLE outbox DISABLE TRIGGER ALL");
        await run.WriteManyAsync("foo", 3, "b");
        await run.Ably.WaitForAllAsync(4, AblyRun.Deadline);
        await run.Outbox.ExecuteAsync("ALTER TABLE outbox ENABLE TRIGGER ALL");
        await run.WriteManyAsync("foo", 3, "c");
        await run.CompleteAsync();
    }

    [Fact]
    public async Task Without_trigger_and_LISTEN_rows_are_found_at_the_fixed_rate()
    {
        await using var run = await AblyRun.CreateAsync(postgres, hasTrigger: false);
        var rate = TimeSpan.FromMilliseconds(100);
        run.Start(options: run.Outbox.Options with { FixedRate = true, PollInterval = rate, SafetyPoll = TimeSpan.FromDays(1) });
        for (var number = 1; number <= 3; number++)
        {
            await run.WriteManyAsync("foo", 150, $"{number}.");
            await run.Ably.WaitForAllAsync(150 * number, AblyRun.Deadline);
        }

        Assert.Equal(0, await run.Outbox.ScalarAsync<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"));
        await run.CompleteAsync();
    }

    [Theory]
    [InlineData("DROP TABLE outbox")]
    [InlineData("DELETE FROM outbox; ALTER SEQUENCE outbox_sequence_id_seq RESTART")]
    [InlineData("TRUNCATE outbox RESTART IDENTITY")]
    public async Task A_table_that_begins_anew_has_none_of_its_events_swallowed_as_repetitions(string restart)
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Start();
        await run.WriteAsync([.. Enumerable.Range(0, 50).Select(number => ($"c{number % 5}", $"before {number}"))]);
        await run.CompleteAsync();
        await run.Outbox.ExecuteAsync(restart);
        await run.Outbox.CreateTablesAsync();
        for (var number = 0; number < 50; number++)
        {
            await run.WriteAsync(($"c{number % 5}", $"after {number}"));
        }

        await run.CompleteAsync();
        Assert.DoesNotContain(run.Ably.Arrivals, arrival => arrival.Outcome is Outcome.Repeated);
    }
}
