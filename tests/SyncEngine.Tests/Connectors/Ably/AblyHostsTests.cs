using SyncEngine.Connectors.Ably;
using SyncEngine.Tests.Server;
using Xunit;

namespace SyncEngine.Tests.Connectors.Ably;

public sealed class AblyHostsTests
{
    private readonly ManualTime time = new();

    private AblyHosts Hosts => AblyHosts.For(new AblyOptions { Key = "a.b:c" }, time, new Random(1));

    [Fact]
    public void The_main_host_comes_first_and_three_of_five_fallbacks_in_changing_order_after_it()
    {
        var hosts = Hosts;
        var orders = Enumerable.Range(0, 50).Select(_ => hosts.Candidates()).ToArray();
        Assert.All(orders, order =>
        {
            Assert.Equal("https://main.realtime.ably.net/", order[0].AbsoluteUri);
            Assert.Equal(4, order.Distinct().Count());
            Assert.All(order.Skip(1), host => Assert.Matches(@"^https://main\.[a-e]\.fallback\.ably-realtime\.com/$", host.AbsoluteUri));
        });
        Assert.Equal(5, orders.Select(order => order[1]).Distinct().Count());
    }

    [Fact]
    public void A_fallback_that_worked_comes_first_for_ten_minutes_and_the_main_host_after_it()
    {
        var hosts = Hosts;
        var fallback = hosts.Candidates()[2];
        Assert.True(hosts.Worked(fallback));
        Assert.False(hosts.Worked(fallback));
        Assert.False(hosts.Worked(hosts.Candidates()[1])); // a late answer of the main host
        Assert.False(hosts.Worked(hosts.Candidates()[2])); // and of another one
        var candidates = hosts.Candidates();
        Assert.Equal((fallback, "main.realtime.ably.net", 4), (candidates[0], candidates[1].Host, candidates.Distinct().Count()));
        time.Now += TimeSpan.FromMinutes(10);
        Assert.Equal("main.realtime.ably.net", hosts.Candidates()[0].Host);
    }

    [Fact]
    public void A_kept_host_that_fails_is_kept_no_longer()
    {
        var hosts = Hosts;
        var fallback = hosts.Candidates()[1];
        hosts.Worked(fallback);
        hosts.Failed(fallback);
        Assert.Equal("main.realtime.ably.net", hosts.Candidates()[0].Host);
    }
}
