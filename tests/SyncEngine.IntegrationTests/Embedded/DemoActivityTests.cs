using Dapper;
using SyncEngine.Postgres.Embedded;
using Xunit;

namespace SyncEngine.IntegrationTests.Embedded;

public sealed class DemoActivityTests(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        await DemoSchema.LoadAsync(database.ConnectionString, CancellationToken.None);
    }

    public async ValueTask DisposeAsync() => await database.DisposeAsync();

    [Fact]
    public async Task Every_table_changes_and_stays_small()
    {
        await database.ExecuteAsync(
            "INSERT INTO messages (room_id, author, body) SELECT 1, 'x', 'y' FROM generate_series(1, 300); "
                + "INSERT INTO orders (customer, total) SELECT 'x', 1 FROM generate_series(1, 100)");
        await using var activity = new DemoActivity(database.DataSource, TimeProvider.System, seed: 7);
        for (var step = 0; step < 300; step++)
        {
            await activity.StepAsync(CancellationToken.None);
        }

        await using var connection = await database.DataSource.OpenConnectionAsync();
        Assert.InRange(await connection.ExecuteScalarAsync<int>("SELECT count(*) FROM messages"), 20, DemoActivity.MostMessages);
        Assert.InRange(await connection.ExecuteScalarAsync<int>("SELECT count(*) FROM orders"), 10, DemoActivity.MostOrders);
        Assert.True(await connection.ExecuteScalarAsync<bool>("SELECT count(DISTINCT status) >= 3 FROM orders"));
        Assert.True(await connection.ExecuteScalarAsync<bool>("SELECT bool_or(body LIKE '%(edited)') FROM messages"));
        Assert.True(await connection.ExecuteScalarAsync<bool>("SELECT count(DISTINCT room_id) >= 4 FROM messages WHERE author <> 'x'"));
        Assert.True(await connection.ExecuteScalarAsync<bool>("SELECT min(quantity) >= 0 AND max(quantity) <= 500 FROM stock"));
        Assert.Equal(8, await connection.ExecuteScalarAsync<int>("SELECT count(*) FROM stock"));
        Assert.True(await connection.ExecuteScalarAsync<bool>(
            "SELECT sum(quantity) <> 140 + 62 + 48 + 230 + 17 + 9 + 75 + 310 FROM stock"));
    }

    [Fact]
    public async Task It_starts_once_stops_and_starts_again()
    {
        await using var activity = new DemoActivity(database.DataSource, TimeProvider.System);
        Assert.False(activity.IsRunning);
        Assert.True(activity.Start());
        Assert.False(activity.Start());
        const string Rows =
            "SELECT md5((SELECT string_agg(m::text, '' ORDER BY id) FROM messages m) || (SELECT string_agg(o::text, "
                + "'' ORDER BY id) FROM orders o) || (SELECT string_agg(s::text, '' ORDER BY sku) FROM stock s))";
        var before = await database.ScalarAsync<string>(Rows);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20), TimeProvider.System);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        while (await database.ScalarAsync<string>(Rows) == before)
        {
            await tick.WaitForNextTickAsync(limit.Token);
        }

        await activity.StopAsync();
        Assert.False(activity.IsRunning);
        Assert.Null(activity.LastError);
        Assert.True(activity.Start());
    }

    [Fact]
    public async Task It_ends_and_says_why_when_the_tables_are_gone()
    {
        await database.ExecuteAsync("DROP TABLE stock, orders, messages, rooms");
        await using var activity = new DemoActivity(database.DataSource, TimeProvider.System);
        activity.Start();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20), TimeProvider.System);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        while (activity.IsRunning)
        {
            await tick.WaitForNextTickAsync(limit.Token);
        }

        Assert.Contains("does not exist", activity.LastError, StringComparison.Ordinal);
    }
}
