using System.Buffers;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Tests.Tiers;
using SyncEngine.Tests.Values;
using SyncEngine.Tiers;
using Xunit;

namespace SyncEngine.Tests.Delivery;

public sealed class FrameQueueTests
{
    private const int Small = 700;

    [Fact]
    public void What_a_slow_client_takes_leads_to_the_same_rows_or_to_a_reset_before_any_cut() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var queue = new FrameQueue(Small);
        string[] subscriptions = ["a", "b", "c"];
        var states = subscriptions.ToDictionary(id => id, _ => new ResultState(isOrdered: false));
        var history = subscriptions.ToDictionary(id => id, _ => new Dictionary<Lsn, List<string>>());
        var clients = subscriptions.ToDictionary(id => id, _ => new Dictionary<string, string>());
        HashSet<string> reset = [], expected = [];
        var told = Lsn.Zero;
        for (ulong step = 1; step <= 30; step++)
        {
            var cut = new Lsn(step);
            List<Frame> frames = [];
            foreach (var id in subscriptions)
            {
                var rows = Enumerable.Range(0, 8).Where(_ => random.Next(3) > 0).Select(key => ResultRowsModel.Row(key, random.Next(3))).ToList();
                var diff = states[id].Replace(rows);
                history[id][cut] = [.. ResultRowsModel.Texts(rows, false)];
                if (!diff.IsEmpty && !expected.Contains(id))
                {
                    frames.Add(new Frame(id, FrameBody.OfDiff(diff, cut, null, null, 10_000)[0]));
                }
            }

            frames.Add(new Frame(null, FrameBody.OfCut(cut)));
            expected.UnionWith(queue.Offer(frames, Merge));
            for (var taken = random.Next(3); taken > 0 && queue.TryTake(out var frame); taken--)
            {
                Take(frame);
            }
        }

        while (queue.TryTake(out var frame))
        {
            Take(frame);
        }

        Assert.Equal(30UL, told.Value);
        Assert.Equal(expected, reset);
        Assert.Equal(0, queue.CountedBytes);

        void Take(Frame frame)
        {
            var json = Parse(frame);
            if (frame.SubscriptionId is not { } id)
            {
                Assert.True(frame.Body.Cut > told);
                told = frame.Body.Cut!.Value;
                Assert.All(subscriptions.Where(live => !reset.Contains(live)), live => Assert.Equal(history[live][told], clients[live].Values.Order(StringComparer.Ordinal)));
            }
            else if (frame.Body.Type == FrameType.Reset)
            {
                Assert.True(reset.Add(id));
            }
            else
            {
                Assert.DoesNotContain(id, reset);
                foreach (var key in Items(json, "removed"))
                {
                    Assert.True(clients[id].Remove(key[0].GetRawText()));
                }

                foreach (var row in Items(json, "added").Concat(Items(json, "updated")))
                {
                    clients[id][row[0].GetRawText()] = row.GetRawText();
                }
            }
        }
    }).Check(Properties.Quiet);

    [Fact]
    public void An_ordered_diff_cannot_be_merged_and_is_reset_while_an_error_is_never_lost()
    {
        var queue = new FrameQueue(100);
        var state = new ResultState(isOrdered: true);
        var diff = state.Replace([.. Enumerable.Range(0, 30).Select(key => ResultRowsModel.Row(key, 1))]);
        var dropped = queue.Offer(
            [
                new Frame("a", FrameBody.OfDiff(diff, new Lsn(5), null, null, 10_000)[0]),
                new Frame("b", FrameBody.OfDiff(diff, new Lsn(5), null, null, 10_000)[0]),
                new Frame("b", FrameBody.Error(new SyncException(ErrorCode.TokenExpired, "the token has expired"))),
                new Frame(null, FrameBody.OfCut(new Lsn(5))),
            ],
            Merge);
        Assert.Equal(["a", "b"], dropped.Order(StringComparer.Ordinal));
        List<string> types = [];
        while (queue.TryTake(out var frame))
        {
            types.Add($"{frame.SubscriptionId} {frame.Body.Type}");
        }

        Assert.Equal(["b Error", "a Reset", " Cut"], types);
    }

    [Fact]
    public void An_open_stream_begins_with_a_cut_even_when_it_is_full_at_once()
    {
        var queue = new FrameQueue(100);
        var diff = new ResultState(isOrdered: false).Replace([.. Enumerable.Range(0, 30).Select(key => ResultRowsModel.Row(key, 1))]);
        queue.Offer([new Frame(null, FrameBody.OfCut(new Lsn(4))), new Frame("a", FrameBody.OfDiff(diff, new Lsn(5), null, null, 10_000)[0])], Merge);
        Assert.True(queue.TryTake(out var first));
        Assert.Equal(FrameType.Cut, first.Body.Type);
    }

    [Fact]
    public void A_dropped_subscription_leaves_nothing_behind()
    {
        var queue = new FrameQueue(10_000);
        queue.Offer([new Frame("a", FrameBody.Live(new Lsn(4))), new Frame("b", FrameBody.Live(new Lsn(4)))], Merge);
        queue.Drop("a");
        Assert.True(queue.TryTake(out var frame));
        Assert.Equal("b", frame.SubscriptionId);
        Assert.False(queue.TryTake(out _));
        Assert.Equal(0, queue.CountedBytes);
    }

    private static FrameBody Merge(string id, RowDiff diff, Lsn cut) => FrameBody.OfDiff(diff, cut, null, null, int.MaxValue)[0];

    private static JsonElement Parse(Frame frame)
    {
        var buffer = new ArrayBufferWriter<byte>();
        frame.WriteTo(buffer);
        using var document = JsonDocument.Parse(buffer.WrittenMemory);
        return document.RootElement.Clone();
    }

    private static IEnumerable<JsonElement> Items(JsonElement frame, string name) => frame.TryGetProperty(name, out var list) ? list.EnumerateArray() : [];
}
