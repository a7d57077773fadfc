using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using SyncEngine.Connectors.Hub;
using SyncEngine.Connectors.Outbox;
using SyncEngine.IntegrationTests.Connectors.Outbox;
using SyncEngine.Permissions;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Notifications;
using SyncEngine.Postgres.Sessions;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Hub;

/// <summary>The whole way: from an application's transaction to clients of any node.</summary>
public sealed class OutboxToHubTests(PostgresFixture postgres)
{
    private const int Channels = 6;
    private const int Rows = 200;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Every_committed_row_reaches_the_clients_of_both_nodes_once_and_in_order_though_one_of_them_dies(int seed)
    {
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        await outbox.ExecuteAsync(SqlScripts.Read("outbox/channel_messages.sql"));
        await using var dying = new Node(outbox);
        await using var staying = new Node(outbox);

        var writing = Enumerable.Range(0, Channels).Select(channel => WriteAsync(outbox, channel, (seed * 100) + channel)).ToList();
        var reading = Enumerable.Range(0, Channels * 2).Select(reader => ReadAsync(reader % 2 == 0 ? dying : staying, reader / 2, async count =>
        {
            if (reader == 0 && count == Rows / 4)
            {
                await dying.KillAsync();
            }
        })).ToList();

        await Task.WhenAll(writing);
        await Task.WhenAll(reading);
        Assert.Equal(Channels * Rows, await outbox.ScalarAsync<long>("SELECT count(*) FROM sync.channel_messages"));
    }

    /// <summary>Two transactions at a time, in either order of their commits, and now and then one that is rolled back.</summary>
    private static async Task WriteAsync(OutboxDatabase outbox, int channel, int seed)
    {
        var random = new Random(seed);
        for (var row = 0; row < Rows; row += 2)
        {
            await using var first = await InsertAsync(outbox, channel, row);
            await using var second = await InsertAsync(outbox, channel, row + 1);
            await using (var never = random.Next(4) == 0 ? await InsertAsync(outbox, channel, -1) : null)
            {
                var (one, other) = random.Next(2) == 0 ? (first, second) : (second, first);
                await one.CommitAsync();
                await Task.Yield();
                await other.CommitAsync();
            }
        }
    }

    private static async Task<OpenTransaction> InsertAsync(OutboxDatabase outbox, int channel, int row)
    {
        var connection = await outbox.Database.DataSource.OpenConnectionAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand(
            "INSERT INTO outbox (mutation_id, channel, name, data) VALUES ($1, $2, $1, '{}')", connection, transaction)
        {
            Parameters = { new() { Value = row.ToString(CultureInfo.InvariantCulture) }, new() { Value = $"c{channel}" } },
        };
        await command.ExecuteNonQueryAsync();
        return new OpenTransaction(connection, transaction);
    }

    private static async Task ReadAsync(Node node, int channel, Func<int, Task> afterEach)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var last = 0L;
        await using var reader = ChannelReader.Of(node.Feed, $"c{channel}", principal: () => Principal.Engine);
        while (seen.Count < Rows)
        {
            var message = (await reader.UntilAsync("message")).GetProperty("message");
            var id = long.Parse(message.GetProperty("id").GetString()!, CultureInfo.InvariantCulture);
            Assert.True(id > last, $"{id} comes after {last}");
            Assert.True(seen.Add(message.GetProperty("name").GetString()!), "a row came twice");
            last = id;
            await afterEach(seen.Count);
        }

        Assert.Equal(Enumerable.Range(0, Rows), seen.Select(name => int.Parse(name, CultureInfo.InvariantCulture)).Order());
    }

    private sealed record OpenTransaction(NpgsqlConnection Connection, NpgsqlTransaction Transaction) : IAsyncDisposable
    {
        public Task CommitAsync() => Transaction.CommitAsync();

        public async ValueTask DisposeAsync()
        {
            await Transaction.DisposeAsync();
            await Connection.DisposeAsync();
        }
    }

    /// <summary>A process: its outbox, its target, and its clients' feed. Only the first two die.</summary>
    private sealed class Node : IAsyncDisposable
    {
        private readonly CancellationTokenSource stopping = new();
        private readonly CancellationTokenSource crashing = new();
        private readonly OutboxMetrics metrics = new();
        private readonly NpgsqlDataSource database;
        private readonly NotificationListener listener;
        private readonly HubTarget target;
        private readonly Task running;

        public Node(OutboxDatabase outbox)
        {
            database = NpgsqlDataSource.Create(SessionSettings.Apply(new NpgsqlConnectionStringBuilder(outbox.Database.ConnectionString)));
            listener = new NotificationListener(
                database, new NotificationListenerOptions(), TimeProvider.System, NullLogger<NotificationListener>.Instance);
            var messages = HubDatabase.Over(database);
            target = new HubTarget(messages, TimeProvider.System);
            Feed = new ChannelFeed(messages, listener, new ChannelFeedOptions(1_000, 4), TimeProvider.System);
            var connector = new OutboxConnector(
                outbox.Options,
                new OutboxConnections(database, listener, [new TargetRoute("*", target)], CommitOrder: null),
                new OutboxInstruments(new OutboxHealth(TimeProvider.System), metrics),
                TimeProvider.System,
                NullLoggerFactory.Instance)
            {
                Crash = crashing.Token,
            };
            running = connector.RunAsync(stopping.Token);
        }

        public ChannelFeed Feed { get; }

        public async Task KillAsync()
        {
            await crashing.CancelAsync();
            await stopping.CancelAsync();
            await running;
        }

        public async ValueTask DisposeAsync()
        {
            await stopping.CancelAsync();
            await running;
            await target.DisposeAsync();
            await Feed.DisposeAsync();
            await listener.DisposeAsync();
            await database.DisposeAsync();
            metrics.Dispose();
            stopping.Dispose();
            crashing.Dispose();
        }
    }
}
