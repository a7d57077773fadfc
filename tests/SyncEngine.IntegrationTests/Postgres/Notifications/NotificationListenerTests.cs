using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using SyncEngine.Errors;
using SyncEngine.IntegrationTests.Replication;
using SyncEngine.Postgres.Notifications;
using Xunit;

namespace SyncEngine.IntegrationTests.Postgres.Notifications;

public sealed class NotificationListenerTests(PostgresFixture postgres) : IAsyncLifetime
{
    private static readonly CancellationToken never = CancellationToken.None;

    private TestDatabase database = null!;
    private NotificationListener listener = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        listener = Over(database.DataSource);
    }

    public async ValueTask DisposeAsync()
    {
        await listener.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task Each_notification_after_the_call_reaches_the_subscribers_of_its_channel()
    {
        await using var first = await listener.SubscribeAsync("first", never);
        await using var again = await listener.SubscribeAsync("first", never);
        await using var second = await listener.SubscribeAsync("Second \"channel\"", never);
        Assert.True(first.IsListening && again.IsListening && second.IsListening);

        await database.ExecuteAsync("SELECT pg_notify('Second \"channel\"', 'b'), pg_notify('first', 'a'), pg_notify('other', 'c')");

        Assert.Equal(["a"], await PayloadsAsync(first, 1));
        Assert.Equal(["a"], await PayloadsAsync(again, 1));
        Assert.Equal(["b"], await PayloadsAsync(second, 1));
        Assert.Equal(1, await SessionsAsync());
    }

    [Fact]
    public async Task After_a_lost_connection_the_generation_rises_and_all_subscribers_receive_again()
    {
        await using var first = await listener.SubscribeAsync("first", never);
        await using var second = await listener.SubscribeAsync("second", never);
        Assert.Equal((1, 1), (first.Generation, second.Generation));

        for (var generation = 2; generation <= 4; generation++)
        {
            Assert.Equal(1, await KillAsync());
            foreach (var subscription in new[] { first, second })
            {
                var batch = await FirstAsync(subscription, batch => batch.HasGap);
                Assert.Equal(generation, batch.Generation);
                Assert.Null(batch.Failure);
            }

            await database.ExecuteAsync($"NOTIFY first, 'a{generation}'; NOTIFY second, 'b{generation}'");
            Assert.Equal([$"a{generation}"], await PayloadsAsync(first, 1));
            Assert.Equal([$"b{generation}"], await PayloadsAsync(second, 1));
        }
    }

    [Fact]
    public async Task Channels_come_and_go_while_the_connection_stays()
    {
        await using var kept = await listener.SubscribeAsync("kept", never);
        for (var round = 0; round < 20; round++)
        {
            await using var passing = await listener.SubscribeAsync($"channel {round % 3}", never);
            await database.ExecuteAsync($"SELECT pg_notify('channel {round % 3}', '{round}'), pg_notify('kept', '{round}')");
            Assert.Equal([$"{round}"], await PayloadsAsync(passing, 1));
            Assert.Equal([$"{round}"], await PayloadsAsync(kept, 1));
        }

        Assert.Equal(1, kept.Generation);
    }

    [Fact]
    public async Task The_last_subscription_ends_the_session_and_the_next_begins_another()
    {
        await (await listener.SubscribeAsync("first", never)).DisposeAsync();
        await Eventually.TrueAsync(async () => await SessionsAsync() == 0);

        await using var next = await listener.SubscribeAsync("first", never);
        await database.ExecuteAsync("NOTIFY first, 'a'");
        Assert.Equal(["a"], await PayloadsAsync(next, 1));
    }

    [Fact]
    public async Task A_full_queue_is_a_gap()
    {
        await using var small = Over(database.DataSource, new NotificationListenerOptions { QueueBytes = 1_000 });
        await using var subscription = await small.SubscribeAsync("first", never);
        await using var other = await small.SubscribeAsync("other", never);
        await database.ExecuteAsync("SELECT pg_notify('first', n::text) FROM generate_series(1, 100) AS n; NOTIFY other");
        await FirstAsync(other, _ => true);

        var batch = await FirstAsync(subscription, _ => true);
        Assert.True(batch.HasGap);
        Assert.Equal(1, batch.Generation);
        Assert.True(batch.Payloads.Count < 100);
        await database.ExecuteAsync("NOTIFY first, 'last'");
        Assert.Equal("last", (await FirstAsync(subscription, batch => batch.Payloads.Contains("last"))).Payloads[^1]);
    }

    [Fact]
    public async Task Equal_payloads_that_wait_are_one()
    {
        await using var subscription = await listener.SubscribeAsync("first", never);
        await using var other = await listener.SubscribeAsync("other", never);
        for (var i = 0; i < 5; i++)
        {
            await database.ExecuteAsync("NOTIFY first, 'same'");
        }

        await database.ExecuteAsync("NOTIFY first, 'next'; NOTIFY other");
        await FirstAsync(other, _ => true);
        Assert.Equal(["same", "next"], await PayloadsAsync(subscription, 2));
    }

    [Fact]
    public async Task A_name_that_PostgreSQL_would_cut_off_is_refused()
    {
        await using var longest = await listener.SubscribeAsync(new string('ü', 31) + "x", never);
        await database.ExecuteAsync($"SELECT pg_notify('{longest.ChannelName}', 'a')");
        Assert.Equal(["a"], await PayloadsAsync(longest, 1));

        foreach (var name in new[] { new string('ü', 32), "", "a\0b" })
        {
            var refusal = await Assert.ThrowsAsync<SyncException>(() => listener.SubscribeAsync(name, never));
            Assert.Equal(ErrorCode.InvalidRequest, refusal.Code);
        }
    }

    [Fact]
    public async Task Without_a_database_the_call_returns_and_the_first_batch_has_the_reason()
    {
        await using var nowhere = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=u;Password=secret;Database=d");
        await using var unconnected = Over(nowhere);
        await using var subscription = await unconnected.SubscribeAsync("first", never);

        Assert.False(subscription.IsListening);
        var batch = await FirstAsync(subscription, _ => true);
        Assert.NotNull(batch.Failure);
        Assert.DoesNotContain("secret", batch.Failure, StringComparison.Ordinal);
        Assert.Equal(0, batch.Generation);
    }

    [Fact]
    public async Task After_a_silence_notifications_are_received_as_before()
    {
        await using var restless = Over(
            database.DataSource,
            new NotificationListenerOptions { SilenceBeforeTest = TimeSpan.FromMilliseconds(20), ApplicationName = "restless" });
        await using var subscription = await restless.SubscribeAsync("first", never);
        await Eventually.TrueAsync(() => database.ScalarAsync<bool>(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'restless' AND query = 'SELECT 1')"));

        await database.ExecuteAsync("NOTIFY first, 'a'");

        Assert.Equal(["a"], await PayloadsAsync(subscription, 1));
        Assert.Equal(1, subscription.Generation);
    }

    [Fact]
    public async Task Batches_end_with_the_listener()
    {
        var subscription = await listener.SubscribeAsync("first", never);
        var reading = Task.Run(async () =>
        {
            await foreach (var batch in subscription.ReadAllAsync(never))
            {
                Assert.Empty(batch.Payloads);
            }
        });
        await listener.DisposeAsync();
        await reading;
        await Assert.ThrowsAsync<ObjectDisposedException>(() => listener.SubscribeAsync("first", never));
    }

    private static NotificationListener Over(NpgsqlDataSource source, NotificationListenerOptions? options = null) =>
        new(source, options ?? new NotificationListenerOptions(), TimeProvider.System, NullLogger<NotificationListener>.Instance);

    private static async Task<NotificationBatch> FirstAsync(NotificationSubscription subscription, Func<NotificationBatch, bool> isWanted)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20), TimeProvider.System);
        return await subscription.ReadAllAsync(limit.Token).FirstAsync(isWanted, limit.Token);
    }

    private static async Task<List<string>> PayloadsAsync(NotificationSubscription subscription, int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20), TimeProvider.System);
        var payloads = new List<string>();
        await foreach (var batch in subscription.ReadAllAsync(limit.Token))
        {
            Assert.False(batch.HasGap);
            payloads.AddRange(batch.Payloads);
            if (payloads.Count >= count)
            {
                break;
            }
        }

        return payloads;
    }

    private Task<long> SessionsAsync() => database.ScalarAsync<long>(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'syncengine listener'");

    private Task<long> KillAsync() => database.ScalarAsync<long>(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = "
            + "'syncengine listener'");
}
