using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Targets;
using Xunit;

namespace SyncEngine.Tests.Connectors.Ably;

public sealed class AblyQueueTests
{
    /// <summary>Of one request, which is under way.</summary>
    private readonly AblyQueue busy = new(1);
    private AblyCall running;

    public AblyQueueTests() => running = busy.Start(Pending("first"))!;

    [Fact]
    public void Messages_start_at_once_while_requests_are_free_and_share_the_next_one_when_not()
    {
        var queue = new AblyQueue(2);
        var first = queue.Start(Pending("a"))!;
        var second = queue.Start(Pending("b"))!;
        Assert.Null(queue.Start(Pending("c")));
        Assert.Null(queue.Start(Pending("d")));
        Assert.Equal(["c", "d"], Channels(queue.Next(first)));
        Assert.Null(queue.Next(second));
        Assert.Equal(["e"], Channels(queue.Start(Pending("e"))));
    }

    [Fact]
    public void No_batch_holds_two_messages_of_one_channel()
    {
        Wait("a", "b", "a", "c");
        Assert.Equal([["a", "b"], ["a", "c"]], Drain());
    }

    [Fact]
    public void A_channel_with_a_failure_goes_alone_in_its_turn_until_it_has_recovered()
    {
        busy.Ended("bad", isStored: false);
        Wait("a", "bad", "b");
        Assert.Equal([["a", "b"], ["bad"]], Drain());

        running = busy.Start(Pending("first"))!;
        busy.Ended("bad", isStored: true);
        Wait("a", "bad");
        Assert.Equal([["a", "bad"]], Drain());
    }

    [Fact]
    public void Channels_with_failures_never_take_all_requests()
    {
        var queue = new AblyQueue(4);
        string[] bad = ["1", "2", "3", "4"];
        Assert.All(bad, channel => queue.Ended(channel, isStored: false));
        var calls = bad.Select(channel => queue.Start(Pending(channel))).ToArray();
        Assert.Equal([true, true, true, false], calls.Select(call => call is not null));
        var good = queue.Start(Pending("good"))!;
        Assert.Null(queue.Next(good)); // the fourth waits for one of its kind
        Assert.Equal(["4"], Channels(queue.Next(calls[0]!)));
        Assert.NotNull(queue.Start(Pending("good")));
    }

    [Fact]
    public void Without_batches_each_goes_alone()
    {
        Wait("a", "b");
        Assert.True(busy.LimitBatches(1));
        Assert.False(busy.LimitBatches(1));
        Wait("c");
        Assert.Equal([["a"], ["b"], ["c"]], Drain());
    }

    [Fact]
    public void A_batch_has_a_hundred_channels_at_most()
    {
        Wait([.. Enumerable.Range(0, 101).Select(number => $"{number}")]);
        Assert.Equal([100, 1], Drain().Select(channels => channels.Length));
    }

    [Fact]
    public void A_request_that_was_given_up_is_not_taken()
    {
        using var stop = new CancellationTokenSource();
        var gone = Pending("a", stop.Token);
        Assert.Null(busy.Start(gone));
        Wait("b");
        stop.Cancel();
        gone.GiveUp();
        Assert.Equal([["b"]], Drain());
    }

    private void Wait(params string[] channels) => Assert.All(channels, channel => Assert.Null(busy.Start(Pending(channel))));

    /// <summary>The requests that leave, one after the other, until the one request is free.</summary>
    private string[][] Drain()
    {
        var calls = new List<string[]>();
        while (busy.Next(running) is { } next)
        {
            calls.Add(Channels(running = next));
        }

        return [.. calls];
    }

    private static PendingMessage Pending(string channel, CancellationToken cancellationToken = default) =>
        new(AblyMessage.From(new OutboundMessage(channel, "1", "n", null, "{}"), 1024), cancellationToken);

    private static string[] Channels(AblyCall? call) => [.. call!.Messages.Select(pending => pending.Message.Channel)];
}
