using SyncEngine.AblySimulator;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Targets;
using SyncEngine.IntegrationTests.Replication;
using SyncEngine.Observability;
using SyncEngine.Tests.Server;
using Xunit;
using static SyncEngine.IntegrationTests.Connectors.Ably.AblyFixture;

namespace SyncEngine.IntegrationTests.Connectors.Ably;

/// <summary>A main host and five fallback hosts, each a simulator of its own.</summary>
public sealed class AblyHostTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private readonly List<SimulatedAbly> hosts = [];
    private AblyTarget target = null!;

    private SimulatedAbly Main => hosts[0];

    private long FallbackMessages => hosts.Skip(1).Sum(host => host.StoredCount);

    public async ValueTask InitializeAsync()
    {
        for (var number = 0; number < 6; number++)
        {
            hosts.Add(await SimulatedAbly.StartAsync(new SimulatorOptions { Time = time }));
        }

        target = Target(new AblyOptions { Key = Main.Key }, [.. hosts.Select(host => host.Address)], time);
        // The check at the start has succeeded.
        await Eventually.TrueAsync(() => Task.FromResult(target.Health.State.Status is HealthStatus.Up));
    }

    public async ValueTask DisposeAsync()
    {
        await target.DisposeAsync();
        foreach (var host in hosts)
        {
            await host.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_fallback_host_takes_over_within_the_same_attempt_and_is_kept_for_ten_minutes()
    {
        await Main.CloseAsync();
        IsStored(await target.PublishAsync("foo", 1));
        IsStored(await target.PublishAsync("foo", 2));
        var working = Assert.Single(hosts, host => host.StoredCount > 0);
        Assert.Equal(2, working.StoredCount);

        await Main.OpenAsync();
        IsStored(await target.PublishAsync("foo", 3));
        Assert.Equal(3, working.StoredCount);
        time.Now += TimeSpan.FromMinutes(10);
        IsStored(await target.PublishAsync("foo", 4));
        Assert.Equal(["4"], Main.Messages("foo").Select(message => message.Id));
    }

    [Theory]
    [InlineData(500)]
    [InlineData(504)]
    public async Task Server_errors_and_errors_of_the_content_network_are_the_hosts_own(int status)
    {
        Main.Inject(new Fault.Refuse(status, status * 100), times: 1);
        IsStored(await target.PublishAsync("foo", 1));
        Assert.Equal((0, 1), (Main.StoredCount, FallbackMessages));
    }

    [Fact]
    public async Task An_error_of_the_content_network_leads_to_another_host()
    {
        Main.Inject(new Fault.ContentNetwork(), times: 1);
        IsStored(await target.PublishAsync("foo", 1));
        Assert.Equal((0, 1), (Main.StoredCount, FallbackMessages));
    }

    [Fact]
    public async Task A_refusal_is_final_on_the_host_that_gave_it()
    {
        Main.Inject(new Fault.Refuse(400, 40000), times: 1);
        IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Never, "40000");
        Main.Inject(new Fault.Refuse(429, 42913), times: 1);
        IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Retry, "42913");
        Assert.Empty(hosts.Skip(1).SelectMany(host => host.Requests));
    }

    [Fact]
    public async Task Three_fallback_hosts_are_tried_at_most()
    {
        foreach (var host in hosts)
        {
            host.Inject(new Fault.Refuse(503, 50003));
        }

        IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Retry, "50003");
        Assert.Equal(4, hosts.Sum(host => host.ArrivalCount));
        Assert.Equal(1, Main.ArrivalCount);
    }

    [Fact]
    public async Task A_kept_host_that_fails_is_given_up_for_the_main_one()
    {
        await Main.CloseAsync();
        IsStored(await target.PublishAsync("foo", 1));
        await Main.OpenAsync();
        hosts.Single(host => host.StoredCount > 0).Inject(new Fault.Refuse(500, 50000));
        IsStored(await target.PublishAsync("foo", 2));
        IsStored(await target.PublishAsync("foo", 3));
        Assert.Equal(["2", "3"], Main.Messages("foo").Select(message => message.Id));
    }

    [Fact]
    public async Task All_hosts_together_are_given_the_total_time_and_no_more()
    {
        foreach (var host in hosts)
        {
            host.Inject(new Fault.Hang());
        }

        await using var hasty = Target(
            new AblyOptions { Key = Main.Key }, [.. hosts.Select(host => host.Address)], TimeProvider.System,
            timeouts: new AblyTimeouts(TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(600), TimeSpan.FromMilliseconds(900)));
        IsRefused(await hasty.PublishAsync("foo", 1), RefusalKind.Retry, "timeout");
        // Of the four that may be tried.
        Assert.InRange(hosts.Sum(host => host.Requests.Count(request => request.Target == "/channels/foo/messages")), 1, 2);
    }

    [Fact]
    public void A_configured_endpoint_has_no_fallback() =>
        Assert.Equal(
            [Main.Address],
            AblyHosts.For(new AblyOptions { Key = Main.Key, Endpoint = Main.Address.ToString() }, time, new Random(1)).Candidates());
}
