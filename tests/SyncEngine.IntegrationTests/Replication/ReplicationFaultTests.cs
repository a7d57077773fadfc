using Microsoft.Extensions.Logging;
using SyncEngine.Ports;
using SyncEngine.Postgres.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Replication;

/// <summary>The stream after a failure.</summary>
public sealed class ReplicationFaultTests(ReplicationDatabase server) : IClassFixture<ReplicationDatabase>
{
    private const string Plain = "CREATE TABLE a (id int PRIMARY KEY)";

    [Fact]
    public async Task A_temporary_slot_that_lost_its_walsender_begins_a_new_epoch()
    {
        await using var probe = await StreamProbe.StartAsync(server, Plain);
        var first = await probe.StartedAsync();
        await TerminateWalSenderAsync(probe);
        await probe.InterruptedAsync();
        var second = await probe.StartedAsync();
        Assert.False(second.IsContinuation);
        Assert.Equal(first.SystemIdentifier, second.SystemIdentifier);
        await probe.ExecuteAsync("INSERT INTO a VALUES (1)");
        Assert.Equal(["relation a(id!) Default", "insert a (1)"], (await probe.TransactionAsync()).Changes);
    }

    [Fact]
    public async Task A_persistent_slot_that_lost_its_walsender_misses_and_repeats_nothing()
    {
        await using var probe = await StartPersistentAsync();
        await probe.StartedAsync();
        await probe.ExecuteAsync("INSERT INTO a VALUES (1)");
        Assert.Equal("insert a (1)", (await probe.TransactionAsync()).Changes[^1]);
        for (var round = 0; round < 3; round++)
        {
            // Nothing was acknowledged, so the server repeats everything; the repeated transactions describe the relation and the new one
            // does not.
            await TerminateWalSenderAsync(probe);
            await probe.ExecuteAsync($"INSERT INTO a VALUES ({10 + round})");
            await probe.InterruptedAsync();
            Assert.True((await probe.StartedAsync()).IsContinuation);
            Assert.Equal(["relation a(id!) Default", $"insert a ({10 + round})"], (await probe.TransactionAsync()).Changes);
        }

        await probe.ExecuteAsync("INSERT INTO a VALUES (2)");
        Assert.Equal(["insert a (2)"], (await probe.TransactionAsync()).Changes);
    }

    [Fact]
    public async Task A_publication_created_anew_begins_a_new_epoch()
    {
        await using var probe = await StreamProbe.StartAsync(server, Plain);
        await probe.StartedAsync();
        await server.ExecuteAsync($"DROP PUBLICATION {probe.Name}");
        await server.ExecuteAsync($"CREATE PUBLICATION {probe.Name} FOR TABLES IN SCHEMA {probe.Name}");
        Assert.Contains("publication", (await probe.InterruptedAsync()).Reason, StringComparison.Ordinal);
        Assert.False((await probe.StartedAsync()).IsContinuation);
        await probe.ExecuteAsync("INSERT INTO a VALUES (1)");
        Assert.Equal("insert a (1)", (await probe.TransactionAsync()).Changes[^1]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_change_made_while_the_publication_was_missing_does_not_block_the_stream(bool isPersistent)
    {
        await using var probe = isPersistent ? await StartPersistentAsync() : await StreamProbe.StartAsync(server, Plain);
        await probe.StartedAsync();
        await server.ExecuteAsync($"DROP PUBLICATION {probe.Name}");
        await probe.ExecuteAsync("INSERT INTO a VALUES (1)");
        await probe.InterruptedAsync();
        await Eventually.TrueAsync(() => Task.FromResult(
            probe.Source.Status.LastError!.Contains("does not exist", StringComparison.Ordinal)));
        await server.ExecuteAsync($"CREATE PUBLICATION {probe.Name} FOR TABLES IN SCHEMA {probe.Name}");
        Assert.False((await probe.StartedAsync()).IsContinuation);
        await probe.ExecuteAsync("INSERT INTO a VALUES (2)");
        Assert.Equal("insert a (2)", (await probe.TransactionAsync()).Changes[^1]);
    }

    [Fact]
    public async Task A_persistent_slot_is_resumed_by_the_next_process_without_a_repetition()
    {
        await using var probe = await StartPersistentAsync();
        var started = await probe.StartedAsync();
        var timeline = (uint)await server.ScalarAsync<int>("SELECT timeline_id FROM pg_control_checkpoint()");
        await probe.ExecuteAsync("INSERT INTO a VALUES (1)");
        var stored = await probe.TransactionAsync();
        await probe.ExecuteAsync("INSERT INTO a VALUES (2)");
        await probe.TransactionAsync();
        probe.Source.Acknowledge(stored.EndLsn);
        await probe.StopAsync();

        await using var next = probe.Again();
        await next.BeginAsync(o => Persistent(o, probe.Name) with
        {
            Resume = new ResumePoint(
            started.SystemIdentifier, timeline, stored.EndLsn)
        });
        var resumed = await next.StartedAsync();
        Assert.True(resumed.IsContinuation);
        Assert.Equal(stored.EndLsn, resumed.From);
        Assert.Equal(["relation a(id!) Default", "insert a (2)"], (await next.TransactionAsync()).Changes);
    }

    [Fact]
    public async Task A_slot_advanced_by_another_process_begins_a_new_epoch()
    {
        await using var probe = await StartPersistentAsync();
        var started = await probe.StartedAsync();
        var timeline = (uint)await server.ScalarAsync<int>("SELECT timeline_id FROM pg_control_checkpoint()");
        await probe.ExecuteAsync("INSERT INTO a VALUES (1)");
        await probe.TransactionAsync();
        await probe.StopAsync();
        await probe.ExecuteAsync("INSERT INTO a VALUES (2)");
        await server.ExecuteAsync($"SELECT pg_replication_slot_advance('{probe.Name}', pg_current_wal_lsn())");

        await using var next = probe.Again();
        await next.BeginAsync(o => Persistent(o, probe.Name) with
        {
            Resume = new ResumePoint(
            started.SystemIdentifier, timeline, probe.LastPosition)
        });
        Assert.False((await next.StartedAsync()).IsContinuation);
    }

    [Fact]
    public async Task A_dropped_persistent_slot_is_made_anew_loudly()
    {
        await using var probe = await StartPersistentAsync();
        await probe.StartedAsync();
        // The source comes back at once, so terminating and dropping is tried until the drop has won.
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                await server.ExecuteAsync(
                    $"SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = '{probe.Name}'; "
                        + $"SELECT pg_drop_replication_slot('{probe.Name}')");
                return true;
            }
            catch (Npgsql.PostgresException exception) when (exception.SqlState == Npgsql.PostgresErrorCodes.ObjectInUse)
            {
                return false;
            }
        });
        await probe.InterruptedAsync();
        SourceEvent seen;
        do
        {
            seen = await probe.NextAsync(e => e is SourceEvent.Started or SourceEvent.Interrupted);
        }
        while (seen is not SourceEvent.Started { IsContinuation: false });

        await Eventually.TrueAsync(() => Task.FromResult(
            probe.Log.Entries.Any(e => e.Level == LogLevel.Error && e.Text.Contains("is lost", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task A_slot_held_by_another_is_waited_for_and_the_holder_named()
    {
        await using var probe = await StartPersistentAsync();
        await probe.StartedAsync();
        await using var second = probe.Again();
        await second.BeginAsync(o => Persistent(o, probe.Name));
        Assert.Contains("is active for pid", (await second.InterruptedAsync()).Reason, StringComparison.Ordinal);
        await probe.StopAsync();
        await second.StartedAsync();
    }

    [Fact]
    public async Task A_transaction_in_progress_delays_the_slot_and_is_named()
    {
        await using var blocker = await server.OpenAsync();
        await using var transaction = await blocker.BeginTransactionAsync();
        await using (var command = new Npgsql.NpgsqlCommand("SELECT pg_current_xact_id()", blocker, transaction))
        {
            await command.ExecuteScalarAsync();
        }

        // Its own publication exists, so only the transaction is in the way.
        await using var probe = await StreamProbe.StartAsync(server, Plain);
        await Eventually.TrueAsync(() => Task.FromResult(
            probe.Source.Status is { State: ReplicationState.WaitingForTransactions, Detail: not null }));
        Assert.Contains($"pid {blocker.ProcessID}", probe.Source.Status.Detail, StringComparison.Ordinal);
        await transaction.RollbackAsync();
        await probe.StartedAsync();
    }

    private Task<StreamProbe> StartPersistentAsync() => StreamProbe.StartPersistentAsync(server, Plain);

    private static ReplicationSourceOptions Persistent(ReplicationSourceOptions options, string slot) =>
        options with { IsPersistent = true, SlotName = slot };

    private async Task TerminateWalSenderAsync(StreamProbe probe)
    {
        var slot = probe.Source.Status.SlotName;
        Assert.True(await server.ScalarAsync<bool>(
            $"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{slot}'"));
    }
}
