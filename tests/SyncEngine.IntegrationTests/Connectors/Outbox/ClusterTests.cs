using SyncEngine.IntegrationTests.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>
/// Several nodes on one outbox: they share the channels, and hand them over without loss, repetition under another id, or a change of
/// order.
/// </summary>
public sealed class ClusterTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Nodes_share_the_channels()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        var senders = new HashSet<string>();
        TestNode[] nodes = [outbox.Start(target), outbox.Start(target), outbox.Start(target)];
        await Eventually.TrueAsync(() => Task.FromResult(nodes.All(node => node.Health.Mode == "full: 3 nodes")));

        await outbox.ExecuteAsync(
            "INSERT INTO outbox (mutation_id, channel, name) SELECT i::text, 'c' || i % 50, 'e' || i FROM generate_series(1, 2000) i");
        target.Before = async (message, _) =>
        {
            var holder = await outbox.ScalarAsync<string>(
                "SELECT locked_by FROM outbox WHERE sequence_id = @id", new { id = long.Parse(message.Id) });
            lock (senders)
            {
                senders.Add(holder);
            }

            return null;
        };
        await target.UntilAsync(all => all.All.Count == 2000, "all");

        Assert.True(senders.Count(sender => sender is not null) >= 3, $"{senders.Count} nodes sent");
        AssertInOrder(target, 50);
    }

    [Fact]
    public async Task Rows_in_work_of_a_killed_node_are_sent_by_another_under_the_same_ids()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        var isStuck = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var isFirst = true;
        // Once a part is stored, the first node gets no answers. It is killed in this state.
        target.After = async (_, cancellation) =>
        {
            if (Volatile.Read(ref isFirst) && target.All.Count > 500)
            {
                isStuck.TrySetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            }

            return null;
        };
        var first = outbox.Start(target);
        await Eventually.TrueAsync(() => Task.FromResult(first.Health.Mode == "full: 1 node"));
        await outbox.ExecuteAsync(
            "INSERT INTO outbox (mutation_id, channel, name) SELECT i::text, 'c' || i % 20, 'e' || i FROM generate_series(1, 3000) i");
        await isStuck.Task.WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System);
        await first.KillAsync();
        Assert.Equal(1, await outbox.ScalarAsync<long>("SELECT count(*) FROM nodes"));
        Volatile.Write(ref isFirst, false);

        outbox.Start(target);
        await target.UntilAsync(all => all.All.Count == 3000, "all");

        Assert.InRange(target.Repeats, 1, 20 * 100);
        AssertInOrder(target, 20);
        await Eventually.TrueAsync(
            async () => await outbox.ScalarAsync<string>("SELECT string_agg(processed::text, ',') FROM outbox") == "true");
    }

    [Fact]
    public async Task Channels_move_in_order_while_nodes_come_and_go_under_load()
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        var target = new RecordingTarget();
        TestNode[] nodes = [outbox.Start(target), outbox.Start(target), outbox.Start(target)];
        using var enough = new CancellationTokenSource();
        var written = WriteAsync(outbox, enough.Token);

        await target.UntilAsync(all => all.All.Count > 300, "a part by three nodes");
        await nodes[0].StopAsync();
        await target.UntilAsync(all => all.All.Count > 600, "a part by two nodes");
        outbox.Start(target);
        await target.UntilAsync(all => all.All.Count > 900, "a part by three nodes again");
        await nodes[1].KillAsync();
        await target.UntilAsync(all => all.All.Count > 1200, "a part after a death");
        await enough.CancelAsync();
        var count = await written;

        await target.UntilAsync(all => all.All.Count == count, "all");
        AssertInOrder(target, 8);
    }

    private static async Task<int> WriteAsync(OutboxDatabase outbox, CancellationToken enough)
    {
        var i = 0;
        while (!enough.IsCancellationRequested)
        {
            i++;
            await outbox.InsertAsync($"c{i % 8}", $"e{i}");
        }

        return i;
    }

    private static void AssertInOrder(RecordingTarget target, int channels)
    {
        Assert.Empty(target.Faults);
        for (var i = 0; i < channels; i++)
        {
            var numbers = target.Of($"c{i}").Select(message => int.Parse(message.Name[1..])).ToList();
            Assert.Equal(numbers.Order(), numbers);
        }
    }
}
