using SyncEngine.AblySimulator;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Targets;
using Xunit;
using static SyncEngine.IntegrationTests.Connectors.Ably.AblyFixture;

namespace SyncEngine.IntegrationTests.Connectors.Ably;

/// <summary>
/// Messages that wait while all requests are in use are sent together. The only request hangs until the messages under test wait.
/// </summary>
public sealed class AblyBatchTests
{
    private static int firstMessages;

    [Theory]
    [InlineData(BatchShape.Results)]
    [InlineData(BatchShape.Counted)]
    [InlineData(BatchShape.CountedPerSpec)]
    public async Task Messages_that_wait_share_a_batch_and_each_has_its_own_answer(BatchShape shape)
    {
        await using var ably = await SimulatedAbly.StartAsync(new SimulatorOptions { BatchShape = shape });
        ably.AddKey("application.narrow:secret", """{"open-*":["publish"],"first":["publish"]}""");
        ably.Inject(new Fault.Refuse(429, 42913), "open-busy");
        await using var target = Target(ably, options => options with { Key = "application.narrow:secret", ConcurrentRequests = 1 });
        var results = await PublishTogetherAsync(ably, target, ["open-a", "closed", "open-busy", "open-b/ü\""]);
        IsStored(results[0]);
        IsRefused(results[1], RefusalKind.Never, "40160");
        IsRefused(results[2], RefusalKind.Retry, "42913");
        IsStored(results[3]);
        Assert.Equal(1, Batches(ably));
        Assert.Equal(["first", "open-a", "open-b/ü\""], ably.Channels.Order(StringComparer.Ordinal));
        Assert.All(ably.Arrivals.Where(arrival => arrival.Channel != "first"), arrival => Assert.True(arrival.InBatch));
    }

    [Fact]
    public async Task A_batch_that_is_stored_whole_answers_all()
    {
        await using var ably = await SimulatedAbly.StartAsync();
        await using var target = Target(ably, options => options with { ConcurrentRequests = 1 });
        var results = await PublishTogetherAsync(ably, target, [.. Enumerable.Range(0, 250).Select(number => $"channel-{number}")]);
        Assert.All(results, IsStored);
        Assert.Equal(3, Batches(ably)); // of at most a hundred
        Assert.Equal(251, ably.StoredCount);
    }

    [Fact]
    public async Task A_batch_stays_within_its_bytes()
    {
        await using var ably = await SimulatedAbly.StartAsync();
        await using var target = Target(ably, options => options with { ConcurrentRequests = 1 });
        var large = $"\"{new string('x', 60_000)}\"";
        var results = await PublishTogetherAsync(ably, target, [.. Enumerable.Range(0, 60).Select(number => $"channel-{number}")], large);
        Assert.All(results, IsStored);
        Assert.Equal(2, Batches(ably));
        Assert.All(
            ably.Requests.Where(request => request.Target == "/messages"),
            request => Assert.InRange(request.Body.Length, 1, 2 * 1024 * 1024));
    }

    [Theory]
    [InlineData(404)]
    [InlineData(405)]
    public async Task An_endpoint_without_batches_gets_single_requests_and_nothing_is_lost(int status)
    {
        await using var ably = await SimulatedAbly.StartAsync();
        using var missing = ably.Inject(new Fault.Missing(status), endpoints: Endpoints.Batch);
        await using var target = Target(ably, options => options with { ConcurrentRequests = 1 });
        Assert.All(await PublishTogetherAsync(ably, target, ["a", "b", "c"]), IsStored);
        Assert.All(await PublishTogetherAsync(ably, target, ["a", "b", "c"], id: 11), IsStored);
        Assert.Equal(1, Batches(ably));
        Assert.Equal(["1", "11"], ably.Messages("a").Select(message => message.Id));
        Assert.Equal(8, ably.StoredCount);
    }

    [Theory]
    [InlineData(503, 50003)]
    [InlineData(400, 40000)]
    [InlineData(413, 40009)]
    public async Task A_batch_that_fails_as_a_whole_refuses_none_for_good_and_its_channels_go_alone(int status, int code)
    {
        await using var ably = await SimulatedAbly.StartAsync();
        ably.Inject(new Fault.Refuse(status, code), times: 1, endpoints: Endpoints.Batch);
        await using var target = Target(ably, options => options with { ConcurrentRequests = 1 });
        Assert.All(
            await PublishTogetherAsync(ably, target, ["a", "b", "c"]), result => IsRefused(result, RefusalKind.Retry, code.ToString()));
        Assert.All(await PublishTogetherAsync(ably, target, ["a", "b", "c"]), IsStored);
        Assert.Equal(1, Batches(ably));
        Assert.All(await PublishTogetherAsync(ably, target, ["a", "b", "c"], id: 11), IsStored);
        Assert.Equal(2, Batches(ably)); // they have recovered
    }

    [Theory]
    [InlineData(429, 42918, RefusalKind.Retry)]
    [InlineData(401, 40101, RefusalKind.Pause)]
    public async Task A_limit_of_rates_and_refused_credentials_break_up_no_batch(int status, int code, RefusalKind kind)
    {
        await using var ably = await SimulatedAbly.StartAsync();
        ably.Inject(new Fault.Refuse(status, code), times: 1, endpoints: Endpoints.Batch);
        await using var target = Target(ably, options => options with { ConcurrentRequests = 1 });
        Assert.All(await PublishTogetherAsync(ably, target, ["a", "b", "c"]), result => IsRefused(result, kind, code.ToString()));
        Assert.All(await PublishTogetherAsync(ably, target, ["a", "b", "c"]), IsStored);
        Assert.Equal(2, Batches(ably));
    }

    [Fact]
    public async Task An_account_that_takes_fewer_channels_gets_smaller_batches()
    {
        await using var ably = await SimulatedAbly.StartAsync(new SimulatorOptions { MaxBatchChannels = 3 });
        await using var target = Target(ably, options => options with { ConcurrentRequests = 1 });
        string[] channels = ["a", "b", "c", "d", "e", "f"];
        Assert.All(await PublishTogetherAsync(ably, target, channels), result => IsRefused(result, RefusalKind.Retry, "90010"));
        Assert.All(await PublishTogetherAsync(ably, target, channels), IsStored);
        Assert.All(await PublishTogetherAsync(ably, target, channels, id: 2), IsStored);
        Assert.Equal(3, Batches(ably));
    }

    [Fact]
    public async Task A_batch_whose_answer_is_lost_is_stored_once()
    {
        await using var ably = await SimulatedAbly.StartAsync();
        ably.Inject(new Fault.LoseAnswer(), times: 1, endpoints: Endpoints.Batch);
        await using var target = Target(ably, options => options with { ConcurrentRequests = 1 });
        Assert.All(
            await PublishTogetherAsync(ably, target, ["a", "b", "c"]), result => IsRefused(result, RefusalKind.Retry, "unreachable"));
        Assert.All(await PublishTogetherAsync(ably, target, ["a", "b", "c"]), IsStored);
        Assert.Equal(["1"], ably.Messages("a").Select(message => message.Id));
        Assert.Equal(5, ably.StoredCount);
    }

    [Fact]
    public async Task A_channel_whose_last_attempt_failed_goes_alone()
    {
        await using var ably = await SimulatedAbly.StartAsync();
        await using var target = Target(ably, options => options with { ConcurrentRequests = 1 });
        ably.Inject(new Fault.Refuse(500, 50000), "bad", times: 1);
        IsRefused(await target.PublishAsync("bad", 1), RefusalKind.Retry, "50000");
        Assert.All(await PublishTogetherAsync(ably, target, ["a", "bad", "b"]), IsStored);
        var stored = ably.Arrivals.Where(arrival => arrival.Outcome is Outcome.Stored && arrival.Channel != "first");
        Assert.Equal([("a", true), ("b", true), ("bad", false)], stored.Select(arrival => (arrival.Channel, arrival.InBatch)).Order());
    }

    [Fact]
    public async Task Messages_of_cancelled_calls_are_not_sent()
    {
        await using var ably = await SimulatedAbly.StartAsync();
        await using var target = Target(ably, options => options with { ConcurrentRequests = 1 });
        using var hang = ably.Inject(new Fault.Hang(), "first", times: 1);
        var first = target.PublishAsync("first", 0);
        await hang.WaitForHitsAsync(1, Deadline);
        using var stop = new CancellationTokenSource();
        var given = target.PublishAsync([Message("given-up", 1)], stop.Token);
        var kept = target.PublishAsync("kept", 2);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        hang.Lift();
        IsStored(await first);
        IsStored(await kept);
        Assert.DoesNotContain(ably.Arrivals, arrival => arrival.Channel == "given-up");
    }

    /// <summary>Publishes a message on each channel while the only request is under way, releases it, and returns the answers.</summary>
    private static async Task<PublishResult[]> PublishTogetherAsync(
        SimulatedAbly ably, AblyTarget target, string[] channels, string data = "{}", int id = 1)
    {
        using var hang = ably.Inject(new Fault.Hang(), "first", times: 1);
        var first = target.PublishAsync("first", Interlocked.Increment(ref firstMessages));
        await hang.WaitForHitsAsync(1, Deadline);
        var publishing = channels.Select(channel => target.PublishAsync(Message(channel, id, data))).ToArray();
        hang.Lift();
        var result = await first;
        Assert.True(result.Stored == 1 || result.Refusal is not null);
        return await Task.WhenAll(publishing);
    }

    private static int Batches(SimulatedAbly ably) => ably.Requests.Count(request => request.Target == "/messages");
}
