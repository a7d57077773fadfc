using Dapper;
using SyncEngine.AblySimulator;
using SyncEngine.IntegrationTests.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>
/// With SELECT and DELETE on the outbox and nothing else: one process at a time, and rows wait for older writers instead of getting fresh
/// ids.
/// </summary>
public sealed class ReducedModeTests(PostgresFixture postgres)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rows_wait_for_an_older_open_writer_then_come_in_order_of_id(bool hasSavepoint)
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        var node = run.Start(role: await PublisherAsync(run));
        await run.WriteManyAsync("foo", 5, "before");
        await run.Ably.WaitForAllAsync(5, AblyRun.Deadline);
        Assert.Equal("reduced: SELECT and DELETE alone", node.Health.Mode);

        await using var writer = await run.Outbox.Database.DataSource.OpenConnectionAsync();
        await using var open = await writer.BeginTransactionAsync();
        await writer.ExecuteAsync(
            $"{(hasSavepoint ? "SAVEPOINT s;" : "")} INSERT INTO outbox (mutation_id, channel, name, data)"
            + $" VALUES ('older', 'foo', 'older', '{{}}')");
        await run.Outbox.InsertAsync("foo", "younger");
        await run.Outbox.InsertAsync("bar", "younger elsewhere");
        await PolledAsync(run);
        Assert.Equal(5, run.Ably.StoredCount);
        await open.CommitAsync();
        run.Expect(("foo", "older"), ("foo", "younger"), ("bar", "younger elsewhere"));
        await run.Ably.WaitForAllAsync(8, AblyRun.Deadline);
        await Eventually.TrueAsync(async () => await run.Outbox.ScalarAsync<long>("SELECT count(*) FROM outbox") == 0);
        run.Check();
    }

    [Fact]
    public async Task Rows_that_wait_for_a_writer_of_other_tables_are_found_soon_after_it_has_ended_although_nothing_announces_it()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        var node = run.Start(role: await PublisherAsync(run), options: run.Outbox.Options with { SafetyPoll = TimeSpan.FromDays(1) });
        await run.WriteManyAsync("foo", 1, "before");
        await run.Ably.WaitForAllAsync(1, AblyRun.Deadline);
        await using var writer = await run.Outbox.Database.DataSource.OpenConnectionAsync();
        await using var open = await writer.BeginTransactionAsync();
        await writer.ExecuteAsync("CREATE TABLE other ()");
        await run.WriteManyAsync("foo", 1, "after");
        await PolledAsync(run);
        Assert.Equal(1, run.Ably.StoredCount);
        await open.CommitAsync();
        await run.CompleteAsync();
        Assert.Null(node.Health.Fault);
    }

    [Fact]
    public async Task A_second_process_stands_by_and_takes_over_under_load()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        var role = await PublisherAsync(run);
        var first = run.Start(role: role);
        await Eventually.TrueAsync(() => Task.FromResult(first.Health.Mode == "reduced: SELECT and DELETE alone"));
        var second = run.Start(role: role);
        await Eventually.TrueAsync(
            () => Task.FromResult(second.Health.Mode == "reduced: standing by, because another process publishes the outbox"));
        var load = run.StartLoad(21);
        await run.ProgressAsync(200);
        await first.StopAsync();
        await run.ProgressAsync(200);
        Assert.Equal("reduced: SELECT and DELETE alone", second.Health.Mode);
        var third = run.Start(role: role);
        await Eventually.TrueAsync(
            () => Task.FromResult(third.Health.Mode == "reduced: standing by, because another process publishes the outbox"));
        // The active process loses its connections and with them its lock; either continues.
        await run.Outbox.ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
        await run.ProgressAsync(200);
        await load.EndAsync();
        await run.CompleteAsync();
    }

    [Fact]
    public async Task A_row_that_Ably_never_takes_holds_its_channel_where_no_dead_letter_can_be_written()
    {
        await using var run = await AblyRun.CreateAsync(postgres);
        var node = run.Start(role: await PublisherAsync(run));
        await run.Outbox.InsertAsync("[x]", "never");
        await run.WriteManyAsync("foo", 20);
        await run.Ably.WaitForAllAsync(20, AblyRun.Deadline);
        await Eventually.TrueAsync(() => Task.FromResult(node.Health.Blocked is [{ Channel: "[x]", Code: "40010", Tries: > 3 }]));
        run.Check();
        Assert.Equal("[x]", await run.Outbox.ScalarAsync<string>("SELECT channel FROM outbox"));
    }

    private static async Task<string> PublisherAsync(AblyRun run)
    {
        var role = await run.Outbox.CreateRoleAsync("publisher");
        await run.Outbox.ExecuteAsync($"GRANT USAGE ON SCHEMA public TO {role}; GRANT SELECT, DELETE ON outbox TO {role}");
        return role;
    }

    /// <summary>Waits until a poll that began after this call has ended, and another one has begun.</summary>
    private static async Task PolledAsync(AblyRun run)
    {
        for (var poll = 0; poll < 3; poll++)
        {
            var seen = await LatestAsync();
            await Eventually.TrueAsync(async () => await LatestAsync() > seen);
        }

        Task<DateTime> LatestAsync() => run.Outbox.ScalarAsync<DateTime>(
            "SELECT max(query_start) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'node'"
            + " AND query LIKE '%<> ALL%'");
    }
}
