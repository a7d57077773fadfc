using SyncEngine.AblySimulator;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Targets;
using SyncEngine.IntegrationTests.Replication;
using SyncEngine.Observability;
using SyncEngine.Tests.Server;
using Xunit;
using static SyncEngine.IntegrationTests.Connectors.Ably.AblyFixture;

namespace SyncEngine.IntegrationTests.Connectors.Ably;

/// <summary>The part is about Ably as a whole: up without any message, down when nothing succeeds, unchanged by one channel.</summary>
public sealed class AblyHealthTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private SimulatedAbly ably = null!;

    public async ValueTask InitializeAsync() => ably = await SimulatedAbly.StartAsync(new SimulatorOptions { Time = time });

    public ValueTask DisposeAsync() => ably.DisposeAsync();

    [Fact]
    public async Task It_is_up_before_anything_is_published()
    {
        await using var target = Target(ably, time: time);
        Assert.Equal("outbox.ably", target.Health.Name);
        await BecomesAsync(target, HealthStatus.Up);
        Assert.Empty(ably.Arrivals);
    }

    [Fact]
    public async Task A_key_that_is_refused_shows_before_anything_is_published()
    {
        await using var target = Target(ably, options => options with { Key = "application.key:other" }, time);
        await BecomesAsync(target, HealthStatus.Down);
        Assert.Contains("40101", target.Health.State.Detail);
    }

    [Fact]
    public async Task Refused_credentials_take_it_down_and_a_success_brings_it_up()
    {
        await using var target = Target(ably, time: time);
        await BecomesAsync(target, HealthStatus.Up);
        using var refusal = ably.Inject(new Fault.Refuse(401, 40131), times: 1);
        IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Pause, "40131");
        Assert.Equal(HealthStatus.Down, target.Health.State.Status);
        IsStored(await target.PublishAsync("foo", 1));
        Assert.Equal(HealthStatus.Up, target.Health.State.Status);
    }

    [Fact]
    public async Task Single_failures_and_refusals_of_one_channel_leave_it_up()
    {
        await using var target = Target(ably, time: time);
        IsStored(await target.PublishAsync("good", 1));
        ably.Inject(new Fault.Refuse(500, 50000), "bad");
        ably.Inject(new Fault.Refuse(401, 40160), "forbidden");
        ably.Inject(new Fault.Reset(), "good", times: 1);
        IsRefused(await target.PublishAsync("good", 2), RefusalKind.Retry, "unreachable");
        IsStored(await target.PublishAsync("good", 2));
        for (var attempt = 0; attempt < 3; attempt++)
        {
            IsRefused(await target.PublishAsync("bad", 1), RefusalKind.Retry, "50000");
            IsRefused(await target.PublishAsync("forbidden", 1), RefusalKind.Never, "40160");
            Assert.Equal(HealthStatus.Up, target.Health.State.Status);
            time.Now += TimeSpan.FromMinutes(1);
        }
    }

    [Fact]
    public async Task When_nothing_reaches_Ably_for_a_while_it_is_down()
    {
        await using var target = Target(ably, time: time);
        IsStored(await target.PublishAsync("foo", 1));
        await ably.CloseAsync();
        IsRefused(await target.PublishAsync("foo", 2), RefusalKind.Retry, "unreachable");
        Assert.Equal(HealthStatus.Up, target.Health.State.Status);
        time.Now += TimeSpan.FromSeconds(5);
        IsRefused(await target.PublishAsync("foo", 2), RefusalKind.Retry, "unreachable");
        Assert.Equal(HealthStatus.Down, target.Health.State.Status);
        await ably.OpenAsync();
        await BecomesAsync(target, HealthStatus.Up); // although nothing more is published
    }

    [Theory]
    [InlineData("text/html", "<html>please sign in</html>")]
    [InlineData("application/json", "<html>please sign in</html>")]
    [InlineData("application/json", "{}")]
    [InlineData("application/json", "[]")]
    [InlineData("application/json", """{"messageId":1}""")]
    [InlineData("text/plain", """{"channel":"foo","messageId":"1"}""")]
    public async Task An_answer_unlike_Ably_stores_nothing_and_is_tried_again(string contentType, string body)
    {
        await using var target = Target(ably, time: time);
        await BecomesAsync(target, HealthStatus.Up);
        ably.Inject(new Fault.Impostor(contentType, body), endpoints: Endpoints.All);
        Assert.Contains(
            "does not answer like Ably", IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Retry, "not_ably").Reason,
            StringComparison.Ordinal);
        time.Now += TimeSpan.FromSeconds(5);
        IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Retry, "not_ably");
        Assert.Equal(HealthStatus.Down, target.Health.State.Status);
        await using var withTokens = Target(ably, options => options with { UseTokens = true }, time);
        IsRefused(await withTokens.PublishAsync("foo", 1), RefusalKind.Retry, "not_ably");
    }

    [Fact]
    public async Task The_first_failure_shows_its_reason_while_it_is_still_starting()
    {
        var address = ably.Address;
        await ably.CloseAsync();
        await using var target = Target(new AblyOptions { Key = ably.Key }, [address, new Uri("http://127.0.0.2:1")], time);
        await Eventually.TrueAsync(() => Task.FromResult(target.Health.State.Detail is not null));
        Assert.Equal(HealthStatus.Starting, target.Health.State.Status);
        Assert.StartsWith($"{address.Host} cannot be reached", target.Health.State.Detail, StringComparison.Ordinal);
        Assert.EndsWith(", nor its fallbacks", target.Health.State.Detail, StringComparison.Ordinal);
        await ably.OpenAsync();
    }

    private static Task BecomesAsync(AblyTarget target, HealthStatus status) =>
        Eventually.TrueAsync(() => Task.FromResult(target.Health.State.Status == status));
}
