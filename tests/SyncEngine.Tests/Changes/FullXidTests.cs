using SyncEngine.Changes;
using SyncEngine.Postgres.Replication;
using Xunit;

namespace SyncEngine.Tests.Changes;

public sealed class FullXidTests
{
    private const ulong Epoch = 1UL << 32;

    [Theory]
    [InlineData(700u, 742UL, 700UL)]
    [InlineData(800u, 742UL, 800UL)]
    [InlineData(uint.MaxValue, Epoch + 5, Epoch - 1)]
    [InlineData(3u, Epoch - 1, Epoch + 3)]
    [InlineData(3u, Epoch + 1, Epoch + 3)]
    [InlineData(uint.MaxValue, (5 * Epoch) + 9, (5 * Epoch) - 1)]
    [InlineData(9u, (5 * Epoch) - 2, (5 * Epoch) + 9)]
    [InlineData(uint.MaxValue, 3UL, (ulong)uint.MaxValue)]
    public void A_wire_id_takes_the_epoch_that_brings_it_nearest(uint wire, ulong near, ulong expected) =>
        Assert.Equal(expected, FullXid.Resolve(wire, near));

    [Fact]
    public void Ids_go_up_across_the_wraparound_although_the_server_is_never_asked()
    {
        var ids = new TransactionIds();
        ids.Observe(Epoch - 50);
        for (var xid = Epoch - 50; xid < Epoch + 50; xid++)
        {
            Assert.Equal(xid, ids.Resolve((uint)xid));
        }

        // A long transaction that began before the wraparound commits after it.
        Assert.Equal(Epoch - 10, ids.Resolve(unchecked((uint)(Epoch - 10))));
        ids.Reset(100);
        Assert.Equal(90UL, ids.Resolve(90));
    }

    [Fact]
    public void Any_id_within_half_an_epoch_is_found_again()
    {
        var random = new Random(7);
        for (var i = 0; i < 10_000; i++)
        {
            var near = (ulong)random.NextInt64((long)(Epoch / 2), (long)(20 * Epoch));
            var xid = near + (ulong)random.NextInt64(0, (long)(Epoch / 2)) - (Epoch / 4);
            Assert.Equal(xid, FullXid.Resolve((uint)xid, near));
        }
    }
}
