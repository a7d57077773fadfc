using SyncEngine.Changes;
using SyncEngine.Postgres.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Replication;

/// <summary>The positions of the stream.</summary>
public sealed class ReplicationPositionTests(ReplicationDatabase server) : IClassFixture<ReplicationDatabase>
{
    [Fact]
    public async Task Commits_that_are_not_published_move_the_position_of_an_idle_stream()
    {
        await using var probe = await StreamProbe.StartAsync(server, "CREATE TABLE a (id int PRIMARY KEY)");
        await probe.StartedAsync();
        var elsewhere = $"elsewhere_{probe.Name}";
        await server.ExecuteAsync($"CREATE TABLE {elsewhere} (id int)");
        try
        {
            var slowest = TimeSpan.Zero;
            for (var i = 0; i < 20; i++)
            {
                await server.ExecuteAsync($"INSERT INTO {elsewhere} SELECT generate_series(1, {i * 50})");
                var flushed = await FlushedAsync();
                var began = TimeProvider.System.GetTimestamp();
                await probe.PositionAsync(flushed);
                var took = TimeProvider.System.GetElapsedTime(began);
                slowest = took > slowest ? took : slowest;
            }

            Assert.True(slowest < TimeSpan.FromSeconds(1), $"it took {slowest}");
        }
        finally
        {
            await server.ExecuteAsync($"DROP TABLE {elsewhere}");
        }
    }

    [Fact]
    public async Task A_position_is_never_reported_before_the_commits_below_it()
    {
        await using var probe = await StreamProbe.StartAsync(server, "CREATE TABLE a (id int PRIMARY KEY)");
        await probe.StartedAsync();
        // The probe asserts on every event that positions and commits only rise; commits of both kinds race each other here.
        var elsewhere = $"elsewhere_{probe.Name}";
        await server.ExecuteAsync($"CREATE TABLE {elsewhere} (id int)");
        try
        {
            var writers = Enumerable.Range(0, 4).Select(async writer =>
            {
                await using var connection = await server.OpenAsync();
                for (var i = 0; i < 150; i++)
                {
                    var sql = i % 2 == 0
                        ? $"INSERT INTO {probe.Name}.a VALUES ({(writer * 1000) + i})"
                        : $"INSERT INTO {elsewhere} VALUES ({i})";
                    await using var command = new Npgsql.NpgsqlCommand(sql, connection);
                    await command.ExecuteNonQueryAsync();
                }
            }).ToArray();
            for (var i = 0; i < 300; i++)
            {
                await probe.TransactionAsync();
            }

            await Task.WhenAll(writers);
            await probe.PositionAsync(await FlushedAsync());
        }
        finally
        {
            await server.ExecuteAsync($"DROP TABLE {elsewhere}");
        }
    }

    [Fact]
    public async Task A_progress_message_brings_an_empty_transaction_with_its_message()
    {
        await using var probe = await StreamProbe.StartAsync(server, "CREATE TABLE a (id int PRIMARY KEY)");
        await probe.StartedAsync();
        var before = await server.ScalarAsync<string>("SELECT pg_current_wal_insert_lsn()::text");
        probe.Source.EmitProgressMessage();
        var seen = await probe.TransactionAsync();
        Assert.Equal(["message syncengine "], seen.Changes);
        Assert.Empty(seen.Touched);
        Assert.True(seen.EndLsn > Lsn.Parse(before));
    }

    [Fact]
    public async Task Progress_messages_coalesce()
    {
        await using var probe = await StreamProbe.StartAsync(server, "CREATE TABLE a (id int PRIMARY KEY)");
        await probe.StartedAsync();
        for (var i = 0; i < 1000; i++)
        {
            probe.Source.EmitProgressMessage();
        }

        await probe.TransactionAsync();
        await probe.ExecuteAsync("INSERT INTO a VALUES (1)");
        var messages = 1;
        while ((await probe.TransactionAsync()).Changes is not [.., "insert a (1)"])
        {
            messages++;
        }

        Assert.InRange(messages, 1, 20);
    }

    [Fact]
    public async Task Acknowledged_positions_reach_the_server_while_the_queue_is_full()
    {
        await using var probe = await StreamProbe.StartAsync(
            server, "CREATE TABLE a (id int PRIMARY KEY)", o => o with { QueueCapacity = 1 });
        await probe.StartedAsync();
        await probe.ExecuteAsync("INSERT INTO a VALUES (1)");
        var first = await probe.TransactionAsync();
        for (var i = 2; i < 20; i++)
        {
            await probe.ExecuteAsync($"INSERT INTO a VALUES ({i})");
        }

        // The queue is not read now.
        probe.Source.Acknowledge(first.EndLsn);
        var slot = probe.Source.Status.SlotName;
        await Eventually.TrueAsync(() => server.ScalarAsync<bool>(
            $"SELECT confirmed_flush_lsn >= '{first.EndLsn}' FROM pg_replication_slots WHERE slot_name = '{slot}'"));
        for (var i = 2; i < 20; i++)
        {
            Assert.Equal($"insert a ({i})", (await probe.TransactionAsync()).Changes[^1]);
        }
    }

    [Fact]
    public async Task Status_has_state_position_and_lag()
    {
        await using var probe = await StreamProbe.StartAsync(server, "CREATE TABLE a (id int PRIMARY KEY)");
        await probe.StartedAsync();
        await probe.ExecuteAsync("INSERT INTO a VALUES (1)");
        var seen = await probe.TransactionAsync();
        var status = probe.Source.Status;
        Assert.Equal(ReplicationState.Streaming, status.State);
        Assert.True(status.Position >= seen.EndLsn);
        Assert.StartsWith("syncengine_", status.SlotName, StringComparison.Ordinal);
        Assert.Null(status.LastError);
        await Eventually.TrueAsync(() => Task.FromResult(probe.Source.Status.RetainedBytes > 0));
    }

    private async Task<Lsn> FlushedAsync() => Lsn.Parse(await server.ScalarAsync<string>("SELECT pg_current_wal_flush_lsn()::text"));
}
