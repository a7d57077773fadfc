using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Connectors.Nodes;
using SyncEngine.Tests.Values;
using Xunit;

namespace SyncEngine.Tests.Connectors.Nodes;

public sealed class RendezvousTests
{
    private static readonly string[] channels = [.. Enumerable.Range(0, 600).Select(number => $"room:{number}")];

    private static readonly Arbitrary<string[]> clusters = Gen.Choose(0, int.MaxValue).ListOf(8)
        .SelectMany(_ => Gen.Choose(1, 8), (ids, count) => ids.Distinct().Take(count).Select(NodeOf).ToArray())
        .ToArbitrary();

    [Fact]
    public void Every_channel_has_one_owner_whatever_the_order_in_which_nodes_are_known() => Prop.ForAll(clusters, nodes =>
    {
        string[] reversed = [.. nodes.Reverse()];
        Assert.All(channels.Take(40), channel => Assert.Single(nodes, node => Rendezvous.IsOwner(channel, node, nodes)));
        Assert.All(channels.Take(40), channel => Assert.Equal(Owner(channel, nodes), Owner(channel, reversed)));
    }).Check(Properties.Quiet.WithMaxTest(100));

    [Fact]
    public void A_node_that_leaves_gives_away_its_channels_and_moves_no_other() => Prop.ForAll(clusters, nodes =>
    {
        if (nodes.Length > 1)
        {
            var leaving = nodes[^1];
            var rest = nodes[..^1];
            Assert.All(
                channels.Take(40).Where(channel => Owner(channel, nodes) != leaving),
                channel => Assert.Equal(Owner(channel, nodes), Owner(channel, rest)));
        }
    }).Check(Properties.Quiet.WithMaxTest(100));

    [Fact]
    public void Channels_are_spread_about_evenly()
    {
        string[] nodes = ["4b9f1c1e", "77aa01d2", "e0e0f3aa"];
        Assert.All(nodes, node => Assert.InRange(channels.Count(channel => Rendezvous.IsOwner(channel, node, nodes)), 150, 250));
    }

    private static string NodeOf(int id) => new Guid(id, 1, 2, [3, 4, 5, 6, 7, 8, 9, 10]).ToString();

    private static string Owner(string channel, string[] nodes) => nodes.Single(node => Rendezvous.IsOwner(channel, node, nodes));
}
