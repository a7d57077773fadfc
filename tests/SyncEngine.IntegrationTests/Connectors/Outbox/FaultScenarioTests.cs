using SyncEngine.AblySimulator;
using SyncEngine.IntegrationTests.Replication;
using SyncEngine.Observability;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>Ably's refusals: which channels wait and which do not, and that nothing is lost, repeated or a dead letter.</summary>
public sealed class FaultScenarioTests(PostgresFixture postgres)
{
    private const int Others = 10;

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    public async Task Server_errors_on_one_channel_hold_no_other(int requests)
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        using var broken = run.Ably.Inject(new Fault.Refuse(500, 50000), "broken");
        run.Ably.Inject(new Fault.StoreThenFail(), "c1", times: 4);
        run.Ably.Inject(new Fault.Refuse(503, 50003), "c2", times: 4);
        run.Ably.Inject(new Fault.Reset(), "c3", times: 2);
        run.Ably.Inject(new Fault.ContentNetwork(), "c4", times: 2);
        var node = run.Start(options => options with { ConcurrentRequests = requests });
        await WriteEverywhereAsync(run, "broken");

        await run.Ably.WaitForAllAsync(Others * 20, AblyRun.Deadline);
        await Eventually.TrueAsync(() => Task.FromResult(node.Health.Blocked is [{ Channel: "broken", Code: "50000" }]));
        broken.Lift();
        await run.CompleteAsync();
        Assert.Equal("", await run.DeadLettersAsync());
    }

    [Fact]
    public async Task A_channel_that_is_asked_to_wait_is_not_asked_again_before_and_holds_no_other()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        using var hot = run.Ably.Inject(new Fault.Refuse(429, 42913, TimeSpan.FromSeconds(1)), "hot", times: 2);
        var node = run.Start();
        await WriteEverywhereAsync(run, "hot");

        await run.Ably.WaitForAllAsync(Others * 20, AblyRun.Deadline);
        Assert.Equal(0, run.Ably.Count("hot")); // the others have not waited for it
        Assert.Equal(["hot"], node.Health.Blocked.Select(blocked => blocked.Channel));
        await run.CompleteAsync();
        var attempts = run.Ably.Arrivals.Where(arrival => arrival.Channel == "hot").Take(3).Select(arrival => arrival.At).ToList();
        Assert.All(attempts.Zip(attempts.Skip(1)), pair => Assert.True(pair.Second - pair.First >= TimeSpan.FromSeconds(0.95)));
    }

    [Fact]
    public async Task Limits_of_the_account_and_of_a_channel_slow_the_outbox_down_and_lose_nothing()
    {
        await using var run = await AblyRun.CreateAsync(
            postgres, new SimulatorOptions { AccountRequestsPerSecond = 50, ChannelMessagesPerSecond = 5 });
        run.Start();
        await run.WriteManyAsync("hot", 12);
        await WriteEverywhereAsync(run, "c0");
        await run.CompleteAsync();
        Assert.Contains(run.Ably.Arrivals, arrival => arrival.Code == 42913);
        Assert.Equal("", await run.DeadLettersAsync());
    }

    [Fact]
    public async Task A_refused_key_pauses_publishing_until_it_is_right_and_blames_no_row()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Ably.AddKey("application.other:secret");
        var node = run.Start(options => options with { Key = "application.other:secret" });
        var load = run.StartLoad(1);
        await run.ProgressAsync(300);
        run.Ably.RevokeKey("application.other");
        await Eventually.TrueAsync(() => Task.FromResult(
            node.Target.Health.State.Status is HealthStatus.Down && node.Health.Blocked.Any(blocked => blocked.Code == "40131")));
        var stored = run.Ably.StoredCount;
        await run.WriteManyAsync("foo", 20);
        await Eventually.TrueAsync(() => Task.FromResult(node.Health.Blocked.Any(blocked => blocked is { Channel: "foo", Tries: > 3 })));
        Assert.Equal(stored, run.Ably.StoredCount);
        run.Ably.AddKey("application.other:secret");
        await run.ProgressAsync(300);
        await load.EndAsync();
        await run.CompleteAsync();
        Assert.Equal("", await run.DeadLettersAsync());
        Assert.Equal(HealthStatus.Up, node.Target.Health.State.Status);
    }

    [Fact]
    public async Task Tokens_are_renewed_under_load_when_they_expire_and_when_they_are_revoked()
    {
        await using var run = await AblyRun.CreateAsync(postgres, new SimulatorOptions { TokenLifetime = TimeSpan.FromSeconds(1) });
        run.Start(options => options with { UseTokens = true });
        var load = run.StartLoad(2);
        for (var round = 0; round < 3; round++)
        {
            await run.ProgressAsync(200);
            run.Ably.RevokeTokens();
        }

        await run.Ably.WaitUntilAsync(ably => ably.TokensIssued >= 6, AblyRun.Deadline);
        await load.EndAsync();
        await run.CompleteAsync();
        Assert.Equal("", await run.DeadLettersAsync());
        Assert.InRange(run.Ably.TokensIssued, 6, 40);
    }

    [Fact]
    public async Task Without_the_batch_endpoint_messages_go_one_by_one()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        using var missing = run.Ably.Inject(new Fault.Missing(), endpoints: Endpoints.Batch);
        run.Start(options => options with { ConcurrentRequests = 2 });
        await WriteEverywhereAsync(run, "c0");
        await run.CompleteAsync();
        Assert.InRange(missing.Hits, 1, 2);
    }

    [Fact]
    public async Task An_Ably_that_cannot_be_reached_for_a_while_gets_everything_afterwards()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        var node = run.Start();
        var load = run.StartLoad(3);
        await run.ProgressAsync(200);
        await run.Ably.CloseAsync();
        await Eventually.TrueAsync(
            () => Task.FromResult(node.Health.Blocked.Any(blocked => blocked is { Code: "unreachable", Tries: > 3 })));
        await run.Ably.OpenAsync();
        await run.ProgressAsync(200);
        await load.EndAsync();
        await run.CompleteAsync();
        Assert.Equal("", await run.DeadLettersAsync());
    }

    [Fact]
    public async Task Requests_that_hang_on_some_channels_hold_no_other()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        using var hanging = run.Ably.Inject(new Fault.Hang(), "hung.*", endpoints: Endpoints.Single);
        await run.WriteAsync([.. Enumerable.Range(0, 6).Select(number => ($"hung.{number}", $"h{number}"))]);
        run.Start(options => options with { ConcurrentRequests = 8 });
        await hanging.WaitForHitsAsync(6, AblyRun.Deadline);
        await WriteEverywhereAsync(run, "c0");
        await run.Ably.WaitForAllAsync((Others + 1) * 20, AblyRun.Deadline);
        Assert.All(Enumerable.Range(0, 6), number => Assert.Equal(0, run.Ably.Count($"hung.{number}")));
        hanging.Lift();
        await run.CompleteAsync();
    }

    /// <summary>Twenty events on each of the others, and on this channel, in turn.</summary>
    private static async Task WriteEverywhereAsync(AblyRun run, string channel)
    {
        for (var number = 0; number < 20; number++)
        {
            await run.WriteAsync(
                [(channel, $"{channel}/{number}"), .. Enumerable.Range(0, Others).Select(other => ($"c{other}", $"c{other}/n{number}"))]);
        }
    }
}
