using SyncEngine.AblySimulator;
using SyncEngine.IntegrationTests.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>Several nodes publish to Ably while writers write: they come, stop, die, and lose their database.</summary>
public sealed class ClusterScenarioTests(PostgresFixture postgres)
{
    [Fact]
    public async Task One_of_three_nodes_leaves_and_another_joins_under_load()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        TestNode[] nodes = [run.Start(), run.Start(), run.Start()];
        await Eventually.TrueAsync(() => Task.FromResult(nodes.All(node => node.Health.Mode == "full: 3 nodes")));
        var load = run.StartLoad(11);
        await run.ProgressAsync(200);
        await nodes[0].StopAsync();
        Assert.Equal(2, await run.Outbox.ScalarAsync<long>("SELECT count(*) FROM nodes"));
        await run.ProgressAsync(200);
        var joined = run.Start();
        await Eventually.TrueAsync(() => Task.FromResult(joined.Health.Mode == "full: 3 nodes"));
        await run.ProgressAsync(200);
        await load.EndAsync();
        await run.CompleteAsync();
        // A node that stops hands over only what is answered, so no message is sent twice.
        Assert.DoesNotContain(run.Ably.Arrivals, arrival => arrival.Outcome is Outcome.Repeated);
    }

    [Fact]
    public async Task Rows_that_a_killed_node_stored_and_did_not_settle_are_sent_again_under_the_same_ids()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        // Stored, but the answer is lost: a part of its channels is under way when the node dies.
        using var lost = run.Ably.Inject(new Fault.LoseAnswer(), "w*.1");
        var first = run.Start();
        await Eventually.TrueAsync(() => Task.FromResult(first.Health.Mode == "full: 1 node"));
        var load = run.StartLoad(12);
        await lost.WaitForHitsAsync(3, AblyRun.Deadline);
        await run.ProgressAsync(100);
        var second = run.Start();
        await Eventually.TrueAsync(() => Task.FromResult(second.Health.Mode == "full: 2 nodes"));
        await first.KillAsync();
        lost.Lift();
        Assert.Equal(2, await run.Outbox.ScalarAsync<long>("SELECT count(*) FROM nodes"));
        await run.ProgressAsync(100); // the second node's channels do not wait for the death to be noticed
        await Eventually.TrueAsync(() => Task.FromResult(second.Health.Mode == "full: 1 node"));
        await run.ProgressAsync(100);
        await load.EndAsync();
        await run.CompleteAsync();
        Assert.Contains(run.Ably.Arrivals, arrival => arrival.Outcome is Outcome.Repeated);
    }

    [Fact]
    public async Task A_node_without_its_database_is_replaced_while_its_requests_hang_and_changes_nothing_when_they_arrive()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        var role = await run.Outbox.CreateRoleAsync("zombie", "SUPERUSER");
        var zombie = run.Start(options => options with { ConcurrentRequests = 2 }, role: role);
        await Eventually.TrueAsync(() => Task.FromResult(zombie.Health.Mode == "full: 1 node"));
        // A batch cannot be taken back: it still hangs when the node has given up.
        using var hanging = run.Ably.Inject(new Fault.Hang(), times: 1, endpoints: Endpoints.Batch);
        var load = run.StartLoad(13);
        await hanging.WaitForHitsAsync(1, AblyRun.Deadline);

        var heir = run.Start(options => options with { ConcurrentRequests = 64 });
        await Eventually.TrueAsync(() => Task.FromResult(heir.Health.Mode == "full: 2 nodes"));
        await run.Outbox.ExecuteAsync(
            $"ALTER ROLE {role} NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
        await Eventually.TrueAsync(() => Task.FromResult(heir.Health.Mode == "full: 1 node"));
        // The next owner has all channels, those of the batch too.
        await run.Ably.WaitUntilAsync(
            ably => Enumerable.Range(0, 12).All(channel => ably.Count($"w{channel / 4}.{channel % 4}") > 20), AblyRun.Deadline);
        Assert.DoesNotContain(run.Ably.Arrivals, arrival => arrival is { InBatch: true, Outcome: Outcome.Repeated });
        hanging.Lift();
        await run.Ably.WaitUntilAsync(
            ably => ably.Arrivals.Any(arrival => arrival is { InBatch: true, Outcome: Outcome.Repeated }), AblyRun.Deadline);

        await run.Outbox.ExecuteAsync($"ALTER ROLE {role} LOGIN");
        await Eventually.TrueAsync(() => Task.FromResult(heir.Health.Mode == "full: 2 nodes"));
        await run.ProgressAsync(100);
        await load.EndAsync();
        await run.CompleteAsync();
        Assert.Null(zombie.Health.Fault);
    }

    [Fact]
    public async Task Nodes_that_stop_under_load_settle_what_was_answered()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        var load = run.StartLoad(14);
        for (var restart = 0; restart < 3; restart++)
        {
            var node = run.Start();
            await run.ProgressAsync(150);
            await node.StopAsync();
            Assert.Equal(0, await run.Outbox.ScalarAsync<long>("SELECT count(*) FROM nodes"));
        }

        run.Start();
        await run.ProgressAsync(150);
        await load.EndAsync();
        await run.CompleteAsync();
        Assert.DoesNotContain(run.Ably.Arrivals, arrival => arrival.Outcome is Outcome.Repeated);
    }

    [Fact]
    public async Task Every_connection_of_two_nodes_is_cut_again_and_again()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        run.Start();
        run.Start();
        var load = run.StartLoad(15);
        for (var cut = 0; cut < 5; cut++)
        {
            await run.ProgressAsync(60);
            await run.Outbox.ExecuteAsync(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'node'");
        }

        await load.EndAsync();
        await run.CompleteAsync();
    }
}
