using Npgsql;
using SyncEngine.Connectors.Lanes;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Observability;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Outbox;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

public sealed class OutboxMonitorTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly OutboxHealth health = new(TimeProvider.System);
    private TestDatabase database = null!;
    private OutboxMonitor monitor = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        monitor = Monitor(database.DataSource);
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Rows_are_counted_and_everything_is_up()
    {
        await InstallAsync();
        await database.ExecuteAsync(
            "INSERT INTO outbox (mutation_id, channel, name) SELECT '1', 'c', 'n' FROM generate_series(1, 42); INSERT INTO nodes"
            + " VALUES ('a', now()), ('b', now())");
        await CheckAsync();
        Assert.All(
            [health.Postgres, health.OutboxTable, health.NodesTable, monitor.Channels],
            part => Assert.Equal((HealthStatus.Up, null), (part.State.Status, part.State.Detail)));
        Assert.Equal((42, 2), (health.OutboxEntries, health.NodesEntries));
        Assert.Equal((0, 0), (health.OutboxErrors, health.NodesErrors));
    }

    [Fact]
    public async Task Of_many_rows_the_estimate_is_reported()
    {
        await InstallAsync();
        await database.ExecuteAsync(
            "ALTER TABLE outbox SET (autovacuum_enabled = false); INSERT INTO outbox (mutation_id, channel, name) SELECT '1', 'c', 'n'"
            + " FROM generate_series(1, 12000)");
        await CheckAsync();
        Assert.Equal(10_001, health.OutboxEntries);
        await database.ExecuteAsync("ANALYZE outbox");
        await CheckAsync();
        Assert.Equal(12_000, health.OutboxEntries);
    }

    [Fact]
    public async Task A_missing_table_is_down_and_counted_and_up_again_when_it_is_back()
    {
        await CheckAsync();
        Assert.Equal(
            (HealthStatus.Down, "table \"public\".\"outbox\" is unhealthy: relation \"public.outbox\" does not exist"),
            (health.OutboxTable.State.Status, health.OutboxTable.State.Detail));
        Assert.Equal(HealthStatus.Down, health.NodesTable.State.Status);
        Assert.Equal(HealthStatus.Up, health.Postgres.State.Status);
        Assert.Equal((1, 1), (health.OutboxErrors, health.NodesErrors));
        await InstallAsync();
        await CheckAsync();
        Assert.Equal((HealthStatus.Up, HealthStatus.Up), (health.OutboxTable.State.Status, health.NodesTable.State.Status));
    }

    [Fact]
    public async Task A_trigger_that_does_not_fire_is_a_detail()
    {
        await InstallAsync();
        await database.ExecuteAsync("ALTER TABLE outbox DISABLE TRIGGER public_outbox_trigger");
        await CheckAsync();
        Assert.Equal(
            (HealthStatus.Up, "the trigger is disabled: rows wait for the safety poll, every 10 s"),
            (health.OutboxTable.State.Status, health.OutboxTable.State.Detail));
        await database.ExecuteAsync("DROP TRIGGER public_outbox_trigger ON outbox");
        await CheckAsync();
        Assert.Equal("there is no trigger: rows wait for the safety poll, every 10 s", health.OutboxTable.State.Detail);
    }

    [Fact]
    public async Task Blocked_channels_and_dead_letters_are_a_detail_of_a_part_that_stays_up()
    {
        await InstallAsync();
        health.Blocked = [new BlockedChannel("room:1", "ably", "40160", "no", DateTimeOffset.UnixEpoch, 3)];
        await database.ExecuteAsync(
            "INSERT INTO sync.dead_letters (source, target, payload, code, error)"
            + " VALUES ('\"public\".\"outbox\"', 'ably:c', '{}', '40009', 'e'), ('\"public\".\"other\"', 'ably:c', '{}', '40009',"
            + " 'e')");
        await CheckAsync();
        Assert.Equal(
            (HealthStatus.Up, "1 channel is blocked: room:1 (ably 40160, 3 tries: no); 1 dead letter; replay-dead-letters puts it back"), (
                monitor.Channels.State.Status, monitor.Channels.State.Detail));
        Assert.Equal(1, health.DeadLetters);
    }

    [Fact]
    public async Task The_row_that_stays_when_it_has_been_published_does_not_wait()
    {
        await InstallAsync();
        await database.ExecuteAsync(
            "INSERT INTO outbox (mutation_id, channel, name, processed)"
            + " VALUES ('1', 'c', 'n', true), ('2', 'c', 'n', false), ('3', 'd', 'n', false)");
        await CheckAsync();
        Assert.Equal((3, 2), (health.OutboxEntries, health.Waiting));
        await database.ExecuteAsync("ALTER TABLE outbox DROP COLUMN processed");
        await CheckAsync();
        Assert.Equal((3, 3), (health.OutboxEntries, health.Waiting));
    }

    [Fact]
    public async Task With_SELECT_and_DELETE_alone_the_nodes_table_is_not_needed()
    {
        await InstallAsync();
        var role = $"{database.Name}_reduced";
        await database.ExecuteAsync(
            $"CREATE ROLE {role} LOGIN PASSWORD '{TestDatabase.RolePassword}'; GRANT SELECT, DELETE ON outbox TO {role}");
        try
        {
            await Monitor(database.As(role)).CheckAsync(TestContext.Current.CancellationToken);
            Assert.Equal(
                (HealthStatus.Up, "not used in the reduced mode"), (health.NodesTable.State.Status, health.NodesTable.State.Detail));
            Assert.Equal(HealthStatus.Up, health.OutboxTable.State.Status);
        }
        finally
        {
            await database.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    [Fact]
    public async Task A_database_that_does_not_answer_is_down_and_the_loop_goes_on()
    {
        await using var nowhere = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=u;Password=secret;Database=d");
        await Monitor(nowhere).CheckAsync(TestContext.Current.CancellationToken);
        Assert.All(
            [health.Postgres, health.OutboxTable, health.NodesTable],
            part => Assert.Equal((HealthStatus.Down, "the database does not answer"), (part.State.Status, part.State.Detail)));
    }

    private OutboxMonitor Monitor(NpgsqlDataSource source) => new(new OutboxOptions(), source, health, TimeProvider.System);

    private Task CheckAsync() => monitor.CheckAsync(TestContext.Current.CancellationToken);

    private async Task InstallAsync()
    {
        await foreach (
            var _ in new OutboxInstallation(database.DataSource, new OutboxNames()).InstallAsync(TestContext.Current.CancellationToken))
        {
        }
    }
}
