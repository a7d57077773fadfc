using Npgsql;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Embedded;
using Xunit;

namespace SyncEngine.IntegrationTests.Embedded;

public sealed class DemoWritesTests(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;
    private DemoWrites writes = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        await DemoSchema.LoadAsync(database.ConnectionString, CancellationToken.None);
        foreach (var script in (string[])["sync/schema.sql", "sync/ack.sql", "sync/reject.sql"])
        {
            await database.ExecuteAsync(SqlScripts.Read(script));
        }

        writes = new DemoWrites(database.DataSource);
    }

    public async ValueTask DisposeAsync() => await database.DisposeAsync();

    [Fact]
    public async Task A_message_is_written_to_the_lobby_and_the_table_stays_small()
    {
        await database.ExecuteAsync("INSERT INTO messages (room_id, author, body) SELECT 1, 'x', 'y' FROM generate_series(1, 300)");
        await writes.WriteAsync("m1", "hello", CancellationToken.None);
        Assert.Equal(
            "1 You hello",
            await database.ScalarAsync<string>("SELECT concat_ws(' ', room_id, author, body) FROM messages ORDER BY id DESC LIMIT 1"));
        Assert.Equal(DemoActivity.MostMessages, await database.ScalarAsync<long>("SELECT count(*) FROM messages"));
    }

    [Fact]
    public async Task A_message_that_cannot_be_acknowledged_is_not_written()
    {
        var before = await database.ScalarAsync<long>("SELECT count(*) FROM messages");
        await database.ExecuteAsync("DROP FUNCTION sync.ack(text)");
        await Assert.ThrowsAsync<PostgresException>(() => writes.WriteAsync("m1", "hello", CancellationToken.None));
        Assert.Equal(before, await database.ScalarAsync<long>("SELECT count(*) FROM messages"));
    }

    [Fact]
    public async Task A_rejected_message_is_not_written()
    {
        var before = await database.ScalarAsync<long>("SELECT count(*) FROM messages");
        await writes.RejectAsync("m1", "no", CancellationToken.None);
        Assert.Equal(before, await database.ScalarAsync<long>("SELECT count(*) FROM messages"));
    }
}
