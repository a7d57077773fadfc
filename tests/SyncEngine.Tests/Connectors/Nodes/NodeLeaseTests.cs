using SyncEngine.Connectors.Nodes;
using SyncEngine.Tests.Simulation;
using Xunit;

namespace SyncEngine.Tests.Connectors.Nodes;

public sealed class NodeLeaseTests
{
    private static readonly TimeSpan second = TimeSpan.FromSeconds(1);
    private readonly ManualTime time = new();
    private readonly NodeLease lease;

    public NodeLeaseTests() => lease = new NodeLease(10 * second, time);

    [Fact]
    public void Before_it_was_confirmed_it_gives_no_right_and_is_not_lost()
    {
        time.Advance(100 * second);
        Assert.False(lease.IsValid);
        Assert.False(lease.IsLost);
    }

    [Fact]
    public void It_holds_for_its_expiry_from_before_the_statement_that_confirmed_it()
    {
        var asked = time.GetTimestamp();
        time.Advance(4 * second);
        lease.Confirm(asked);
        time.Advance(6 * second - TimeSpan.FromTicks(1));
        Assert.True(lease.IsValid);
        time.Advance(TimeSpan.FromTicks(1));
        Assert.False(lease.IsValid);
        Assert.True(lease.IsLost);
    }

    [Fact]
    public void Confirmed_in_time_it_goes_on()
    {
        for (var beat = 0; beat < 10; beat++)
        {
            lease.Confirm(time.GetTimestamp());
            time.Advance(9 * second);
            Assert.True(lease.IsValid);
        }
    }

    [Fact]
    public void Once_lost_it_stays_lost_as_others_may_have_its_channels()
    {
        lease.Confirm(time.GetTimestamp());
        time.Advance(8 * second);
        var asked = time.GetTimestamp();
        time.Advance(3 * second);
        lease.Confirm(asked);
        Assert.False(lease.IsValid);
        Assert.True(lease.IsLost);
        lease.Confirm(time.GetTimestamp());
        Assert.True(lease.IsLost);
    }
}
