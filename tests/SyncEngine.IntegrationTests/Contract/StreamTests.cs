using System.Text.Json;
using Microsoft.AspNetCore.SignalR;
using SyncEngine.IntegrationTests.Client;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>A server for the tests of the streams of docs/PROTOCOL.md, sections 5 to 8.</summary>
public sealed class StreamEngine(PostgresFixture postgres) : IAsyncLifetime
{
    private int tables;

    public Engine Engine { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var made = string.Join(";\n", Enumerable.Range(0, 80).Select(number => $"CREATE TABLE t{number} (id int4 PRIMARY KEY, note text, n int4 NOT NULL DEFAULT 0)"));
        Engine = await Engine.StartAsync(postgres, made + "; CREATE UNLOGGED TABLE unpublished (id int4); CREATE TABLE keyless (a int4)");
    }

    public ValueTask DisposeAsync() => Engine.DisposeAsync();

    /// <summary>A table that no other test touches.</summary>
    public string NextTable() => $"t{Interlocked.Increment(ref tables) - 1}";
}

public sealed class StreamTests(StreamEngine shared) : IClassFixture<StreamEngine>
{
    private readonly Engine engine = shared.Engine;
    private readonly string table = shared.NextTable();

    [Fact]
    public async Task An_open_stream_begins_with_a_cut_and_carries_every_attached_subscription()
    {
        var other = shared.NextTable();
        await using var open = await engine.OpenAsync();
        var first = await open.FrameAsync("cut");
        Assert.Equal(first.GetRawText(), open.Frames[0].GetRawText());
        var one = await open.AttachAsync(await engine.SubscribeAsync($"SELECT id, note FROM {table}"));
        var two = await open.AttachAsync(await engine.SubscribeAsync($"SELECT id, note FROM {other}"));
        await open.UntilAsync(() => one.Stage == ResultStage.Live && two.Stage == ResultStage.Live, "both live");

        var position = await engine.CommitAsync($"BEGIN; INSERT INTO {table} VALUES (1, 'a'); INSERT INTO {other} VALUES (2, 'b'); COMMIT");
        await open.PassAsync(position);

        Assert.Equal(["""[1,"a"]"""], one.Rows);
        Assert.Equal(["""[2,"b"]"""], two.Rows);
        var diffs = open.OfType("diff").ToList();
        Assert.Equal(2, diffs.Count);
        Assert.Equal(diffs[0].GetProperty("cut").GetString(), diffs[1].GetProperty("cut").GetString());
    }

    [Fact]
    public async Task A_detached_subscription_gets_no_more_frames_and_can_be_attached_again()
    {
        await using var open = await engine.OpenAsync();
        await open.FrameAsync("cut");
        var subscription = await engine.SubscribeAsync($"SELECT id, note FROM {table}");
        var result = await open.AttachAsync(subscription);
        await open.UntilAsync(() => result.Stage == ResultStage.Live, "live");

        await open.DetachAsync(result);
        var cut = StrictResult.Text(result.Cut);
        var sent = open.Frames.Count;
        await open.PassAsync(await engine.CommitAsync($"INSERT INTO {table} VALUES (1, 'a')"));

        Assert.DoesNotContain(open.Frames.Skip(sent), frame => frame.TryGetProperty("sub", out _));
        result.Continue(await engine.SubscribeAsync($"SELECT id, note FROM {table}"));
        await open.AttachAsync(result.Subscription, cut, result);
        await open.FrameAsync("live", sent);
        Assert.Equal(["""[1,"a"]"""], result.Rows);
        Assert.Single(open.OfType("snapshot"));
    }

    [Fact]
    public async Task A_diff_names_its_transaction_and_lists_each_key_once()
    {
        await using var watch = await engine.WatchAsync($"SELECT id, note FROM {table}");
        await engine.ExecuteAsync($"INSERT INTO {table} VALUES (1, 'one'), (2, 'two'), (3, 'three')");
        await watch.RowsAsync("""[1,"one"]""", """[2,"two"]""", """[3,"three"]""");

        await engine.ExecuteAsync($"BEGIN; DELETE FROM {table} WHERE id = 1; INSERT INTO {table} VALUES (1, 'one'); DELETE FROM {table} WHERE id = 2; INSERT INTO {table} VALUES (2, 'TWO'); DELETE FROM {table} WHERE id = 3; INSERT INTO {table} VALUES (4, 'four'); COMMIT");
        await watch.RowsAsync("""[1,"one"]""", """[2,"TWO"]""", """[4,"four"]""");

        var diff = watch.OfType("diff").Last();
        Assert.Equal("""[[4,"four"]]""", diff.GetProperty("added").GetRawText());
        Assert.Equal("""[[2,"TWO"]]""", diff.GetProperty("updated").GetRawText());
        Assert.Equal("[[3]]", diff.GetProperty("removed").GetRawText());
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$", diff.GetProperty("commitTime").GetString());
        Assert.Equal(await engine.Database.ScalarAsync<string>($"SELECT xmin::text FROM {table} WHERE id = 4"), diff.GetProperty("xid").GetString());
    }

    [Fact]
    public async Task A_transaction_that_changes_nothing_in_the_result_sends_no_diff()
    {
        await using var watch = await engine.WatchAsync($"SELECT id, note FROM {table} WHERE note = 'mine'");
        var position = await engine.CommitAsync($"INSERT INTO {table} VALUES (1, 'other'); UPDATE {table} SET n = 5");
        await watch.PassAsync(position);
        Assert.Empty(watch.OfType("diff"));
    }

    [Theory]
    [InlineData("INSERT INTO unpublished VALUES (1)")]
    [InlineData("INSERT INTO keyless VALUES (1)")]
    [InlineData("CREATE TABLE IF NOT EXISTS made_between (id int4); DROP TABLE made_between")]
    [InlineData("SELECT pg_logical_emit_message(true, 'application', 'hello')")]
    [InlineData("SELECT txid_current()")]
    public async Task Every_stream_soon_gets_a_cut_past_any_commit(string commit)
    {
        await using var open = await engine.OpenAsync();
        await using var hub = await engine.WatchAsync($"SELECT id FROM {table}");
        await using var events = engine.Events(await engine.SubscribeAsync($"SELECT id FROM {table}"));
        await events.LiveAsync();
        await open.FrameAsync("cut");

        var position = await engine.CommitAsync(commit);
        var began = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(open.PassAsync(position), hub.PassAsync(position), events.PassAsync(position));
        var took = TimeProvider.System.GetElapsedTime(began);

        // The contract says 1 s on an idle server; the rest is for a loaded machine.
        Assert.True(took < TimeSpan.FromSeconds(5), $"answered after {took}");
    }

    [Fact]
    public async Task Positions_put_an_ordered_result_in_order()
    {
        await using var watch = await engine.WatchAsync($"SELECT id, n FROM {table} ORDER BY n DESC, id LIMIT 4");
        await engine.ExecuteAsync($"INSERT INTO {table} (id, n) SELECT i, i FROM generate_series(1, 6) i");
        await watch.RowsAsync("[6,6]", "[5,5]", "[4,4]", "[3,3]");

        await engine.ExecuteAsync($"UPDATE {table} SET n = 10 WHERE id = 1; UPDATE {table} SET n = 0 WHERE id = 6");

        await watch.RowsAsync("[1,10]", "[5,5]", "[4,4]", "[3,3]");
        Assert.Contains(watch.OfType("diff"), diff => diff.TryGetProperty("addedAt", out _));
    }

    [Fact]
    public async Task A_large_diff_comes_in_parts()
    {
        await using var watch = await engine.WatchAsync($"SELECT id, note FROM {table}");
        await engine.ExecuteAsync($"INSERT INTO {table} SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 8000) i");
        await watch.UntilAsync(() => watch.Result.Count == 8000, "8,000 rows");

        var diffs = watch.OfType("diff").ToList();
        Assert.True(diffs.Count > 1);
        Assert.All(diffs.SkipLast(1), part => Assert.True(part.GetProperty("more").GetBoolean()));
        Assert.False(diffs[^1].TryGetProperty("more", out _));
        await using var snapshot = await engine.WatchAsync($"SELECT id, note FROM {table}");
        Assert.True(snapshot.OfType("snapshot").Count() > 1);
        Assert.Equal(watch.Rows, snapshot.Rows);
    }

    [Fact]
    public async Task Await_confirms_a_commit_that_the_stream_has_passed()
    {
        await using var open = await engine.OpenAsync();
        var result = await open.AttachAsync(await engine.SubscribeAsync($"SELECT id, note FROM {table}"));
        await open.UntilAsync(() => result.Stage == ResultStage.Live, "live");
        var id = Guid.NewGuid().ToString();
        var waiting = open.Hub!.AwaitAsync(id, 60_000);

        await engine.ExecuteAsync($"BEGIN; INSERT INTO {table} VALUES (1, 'mine'); SELECT sync.ack('{id}'); COMMIT");

        var answer = await waiting;
        Assert.Equal("confirmed", answer.GetProperty("status").GetString());
        await open.PassAsync(Changes.Lsn.Parse(answer.GetProperty("cut").GetString()).Value);
        Assert.Equal(["""[1,"mine"]"""], result.Rows);
        // Ids are remembered: a late call is answered, too.
        Assert.Equal("confirmed", (await open.Hub!.AwaitAsync(id, 60_000)).GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("COMMIT")]
    [InlineData("ROLLBACK")]
    public async Task Await_reports_a_rejection_even_of_a_transaction_that_is_rolled_back(string end)
    {
        await using var hub = await SyncHubClient.ConnectAsync(engine.Address);
        var id = Guid.NewGuid().ToString();
        var waiting = hub.AwaitAsync(id, 60_000);

        await engine.ExecuteAsync($"BEGIN; SELECT sync.reject('{id}', 'not \"today\"'); {end}");

        var answer = await waiting;
        Assert.Equal("""{"status":"rejected","reason":"not \u0022today\u0022"}""", JsonSerializer.Serialize(answer));
    }

    [Fact]
    public async Task Await_gives_up_in_time_and_does_not_confirm_what_was_rolled_back()
    {
        await using var hub = await SyncHubClient.ConnectAsync(engine.Address);
        await engine.ExecuteAsync($"BEGIN; SELECT sync.ack('rolled-back-{table}'); ROLLBACK");
        Assert.Equal("""{"status":"timeout"}""", (await hub.AwaitAsync($"rolled-back-{table}", 300)).GetRawText());
        Assert.Equal("""{"status":"timeout"}""", (await hub.AwaitAsync("unknown", 0)).GetRawText());
        Assert.Equal("""{"status":"timeout"}""", (await hub.AwaitAsync("unknown", -5)).GetRawText());
    }

    [Theory]
    [InlineData("sync.ack", "")]
    [InlineData("sync.ack", "\\xff00fe")]
    [InlineData("sync.reject", "")]
    [InlineData("sync.reject", "rubbish")]
    [InlineData("sync.reject", "\\xfffe")]
    [InlineData("sync.reject", "[]")]
    [InlineData("sync.reject", "5")]
    [InlineData("sync.reject", "{\"id\": 5}")]
    [InlineData("sync.reject", "{\"id\": null}")]
    [InlineData("sync.reject", "{\"id\": \"x\", \"reason\": {}}")]
    [InlineData("sync.reject", "{\"id\": \"\\\\ud800\"}")]
    [InlineData("sync.ddl", "\\xff")]
    [InlineData("sync.nothing", "x")]
    public async Task A_message_in_the_log_of_another_application_is_harmless(string prefix, string content)
    {
        await using var watch = await engine.WatchAsync($"SELECT id FROM {table}");
        foreach (var transactional in (string[])["true", "false"])
        {
            await engine.ExecuteAsync($"SELECT pg_logical_emit_message({transactional}, '{prefix}', '{content}'::bytea)");
        }

        await engine.ExecuteAsync($"INSERT INTO {table} VALUES (1)");
        await watch.RowsAsync("[1]");
    }

    [Fact]
    public async Task Events_resume_after_the_last_one_and_miss_nothing()
    {
        var subscription = await engine.SubscribeAsync($"SELECT id, note FROM {table}");
        var first = engine.Events(subscription);
        await first.LiveAsync();
        await engine.ExecuteAsync($"INSERT INTO {table} VALUES (1, 'one')");
        await first.RowsAsync("""[1,"one"]""");
        var cut = first.Cut;
        await first.DisposeAsync();
        await engine.ExecuteAsync($"INSERT INTO {table} VALUES (2, 'two'); DELETE FROM {table} WHERE id = 1");

        await using var again = engine.Events(subscription, cut, held: first.Result);
        await again.LiveAsync();
        await again.RowsAsync("""[2,"two"]""");

        Assert.Empty(again.OfType("snapshot"));
        Assert.Empty(again.OfType("reset"));
    }

    [Fact]
    public async Task Another_subscription_to_the_same_query_resumes_as_well()
    {
        var first = await engine.WatchAsync($"SELECT id, note FROM {table} WHERE n = $1", "[0]");
        await engine.ExecuteAsync($"INSERT INTO {table} VALUES (1, 'one')");
        await first.RowsAsync("""[1,"one"]""");
        var cut = first.Cut;
        await first.DisposeAsync();
        var second = await engine.SubscribeAsync($"SELECT id, note FROM {table} WHERE n = $1", "[0]");
        first.Result.Continue(second);
        await engine.ExecuteAsync($"INSERT INTO {table} VALUES (2, 'two')");

        await using var again = await engine.StreamAsync(second, cut, held: first.Result);
        await again.RowsAsync("""[1,"one"]""", """[2,"two"]""");

        Assert.Empty(again.OfType("snapshot"));
    }

    [Theory]
    [InlineData("rubbish")]
    [InlineData("0/")]
    [InlineData("/0")]
    [InlineData("-1/0")]
    [InlineData("0/0")]
    [InlineData("0/1")]
    [InlineData("FFFFFFFF/FFFFFFFF")]
    [InlineData("100000000/0")]
    [InlineData("0/1;DROP TABLE t0")]
    [InlineData(" 0/16B3748 ")]
    [InlineData("٠/١")]
    public async Task A_from_that_is_malformed_too_old_or_in_the_future_is_reset(string from)
    {
        await engine.ExecuteAsync($"INSERT INTO {table} VALUES (1, 'one')");
        var subscription = await engine.SubscribeAsync($"SELECT id, note FROM {table}");
        await using var hub = await engine.StreamAsync(subscription, from);
        await hub.RowsAsync("""[1,"one"]""");
        Assert.Equal("must_refetch", hub.OfType("reset").Single().GetProperty("code").GetString());
        Assert.Equal("reset", hub.Frames[0].GetProperty("type").GetString());

        if (from.All(char.IsAscii))
        {
            await using var events = engine.Events(subscription, from);
            await events.RowsAsync("""[1,"one"]""");
            Assert.Equal("must_refetch", events.OfType("reset").Single().GetProperty("code").GetString());
        }

        await using var open = await engine.OpenAsync();
        var attached = await open.AttachAsync(subscription, from);
        await open.UntilAsync(() => attached.Stage == ResultStage.Live, "live");
        Assert.Single(open.OfType("reset"));
    }

    [Fact]
    public async Task A_refused_hub_call_says_its_code()
    {
        await using var open = await engine.OpenAsync();
        await open.FrameAsync("cut");
        await RefusesAsync("unknown_subscription", () => open.Hub!.AttachAsync("no-such-subscription"));
        await RefusesAsync("unknown_subscription", async () => await open.Hub!.StreamAsync("no-such-subscription").GetAsyncEnumerator().MoveNextAsync());
        await RefusesAsync("invalid_request", async () => await open.Hub!.OpenAsync().GetAsyncEnumerator().MoveNextAsync());
        await RefusesAsync("invalid_request", () => open.Hub!.AttachAsync(""));
        await RefusesAsync("unknown_subscription", () => open.Hub!.DetachAsync("no-such-subscription"));
        await using var closed = await SyncHubClient.ConnectAsync(engine.Address);
        await RefusesAsync("invalid_request", () => closed.AttachAsync("any"));
        await RefusesAsync("invalid_request", () => closed.DetachAsync("any"));
    }

    private static async Task RefusesAsync(string code, Func<Task> call)
    {
        var refused = await Assert.ThrowsAsync<HubException>(call);
        Assert.Contains(code + ": ", refused.Message);
    }
}
