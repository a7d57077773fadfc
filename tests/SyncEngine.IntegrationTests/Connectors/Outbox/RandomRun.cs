using System.Globalization;
using Npgsql;
using SyncEngine.Connectors.Targets;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>
/// Random transactions in random commit order, random faults, nodes that come, stop, die and lose their connections; all drawn from a seed.
/// In the end every committed row has been published once, in order along its channel, and a reader of max(sequence_id) at a commit has
/// missed nothing.
/// </summary>
/// <param name="isStrict">One node throughout that knows the commit order: then it is checked exactly.</param>
sealed class RandomRun(IPostgresServer server, int seed, bool isStrict)
{
    private const int Steps = 250;
    private const int MaxOpen = 6;
    private const int MaxNodes = 4;

    private readonly Random random = new(seed);
    private readonly RecordingTarget target = new();
    private readonly ScriptedCommitOrder order = new();
    private readonly List<OpenTransaction> open = [];
    private readonly List<Event> committed = [];
    private readonly List<TestNode> nodes = [];
    private readonly HashSet<string> broken = [];
    private readonly Lock faults = new();
    private OutboxDatabase outbox = null!;
    private int events;
    private int commits;
    private double faultRate;

    public async Task RunAsync()
    {
        await using var created = await OutboxDatabase.CreateAsync(server);
        outbox = created;
        faultRate = random.NextDouble() * 0.3;
        target.Before = (message, _) => Task.FromResult(Refused(message, beforeStoring: true));
        target.After = (message, _) => Task.FromResult(Refused(message, beforeStoring: false));
        StartNode();
        // The commit order is used from the second poll on: what was written before the first is taken by id.
        await CommitAsync(await OneRowAsync());
        await target.UntilCountAsync("c0", 1);
        for (var step = 0; step < Steps; step++)
        {
            await StepAsync();
        }

        await FinishAsync();
        Check();
    }

    private async Task<OpenTransaction> OneRowAsync()
    {
        var transaction = await OpenTransaction.BeginAsync(outbox.Database.DataSource);
        events++;
        await transaction.InsertAsync("c0", $"e{events.ToString(CultureInfo.InvariantCulture)}", hasSavepoint: false);
        return transaction;
    }

    private async Task StepAsync()
    {
        var die = random.Next(100);
        switch (die)
        {
            case < 30 when open.Count < MaxOpen:
                var transaction = await OpenTransaction.BeginAsync(outbox.Database.DataSource);
                open.Add(transaction);
                await InsertAsync(transaction);
                break;
            case < 50 when open.Count > 0:
                await InsertAsync(Any(open));
                break;
            case < 82 when open.Count > 0:
                await CommitAsync(Any(open));
                break;
            case < 85 when open.Count > 0:
                var abandoned = Any(open);
                open.Remove(abandoned);
                await abandoned.DisposeAsync();
                break;
            case < 89:
                lock (faults)
                {
                    var channel = Channel();
                    if (!broken.Remove(channel) && broken.Count < 2)
                    {
                        broken.Add(channel);
                    }
                }

                break;
            case < 92:
                var seen = target.All.Count;
                if (committed.Count > seen && broken.Count == 0)
                {
                    await target.UntilAsync(all => all.All.Count > seen, "a further message");
                }

                break;
            case < 95 when !isStrict && nodes.Count < MaxNodes:
                StartNode();
                break;
            case < 97 when !isStrict && nodes.Count > 1:
                await EndNodeAsync(node => node.StopAsync());
                break;
            case < 99 when !isStrict && nodes.Count > 1:
                await EndNodeAsync(node => node.KillAsync());
                break;
            case < 100 when !isStrict:
                await outbox.ExecuteAsync(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                    + " AND application_name = 'node'");
                break;
        }
    }

    private async Task InsertAsync(OpenTransaction transaction)
    {
        for (var rows = random.Next(1, 4); rows > 0; rows--)
        {
            events++;
            await transaction.InsertAsync(
                Channel(), $"e{events.ToString(CultureInfo.InvariantCulture)}", hasSavepoint: random.Next(4) == 0);
        }
    }

    private async Task CommitAsync(OpenTransaction transaction)
    {
        open.Remove(transaction);
        // What a reader sees who does not see this transaction yet.
        var visible = await outbox.ScalarAsync<long>("SELECT coalesce(max(sequence_id), 0) FROM outbox");
        var published = target.All.Select(message => long.Parse(message.Id, CultureInfo.InvariantCulture)).DefaultIfEmpty().Max();
        await transaction.CommitAsync();
        commits++;
        committed.AddRange(
            transaction.Rows.Select(row => new Event(row.Channel, row.Name, commits, row.Id, Math.Max(published, isStrict ? visible : 0))));
        order.Commit(transaction.Rows.Select(row => row.Id));
        await transaction.DisposeAsync();
    }

    private async Task FinishAsync()
    {
        while (open.Count > 0)
        {
            await CommitAsync(open[^1]);
        }

        lock (faults)
        {
            broken.Clear();
            faultRate = 0;
        }

        await target.UntilAsync(all => all.All.Count >= committed.Count, $"seed {seed}: all {committed.Count} messages");
    }

    private void Check()
    {
        Assert.Empty(target.Faults);
        Assert.Equal(committed.Count, target.All.Count);
        var published = target.All.ToDictionary(message => message.Name, StringComparer.Ordinal);
        foreach (var row in committed)
        {
            Assert.True(published.TryGetValue(row.Name, out var message), $"seed {seed}: {row.Name} was not published");
            Assert.Equal(row.Channel, message.Channel);
            Assert.True(
                long.Parse(message.Id, CultureInfo.InvariantCulture) > row.VisibleBefore,
                $"seed {seed}: {row.Name} has id {message.Id}, and a reader of {row.VisibleBefore} has missed it");
        }

        foreach (var channel in committed.GroupBy(row => row.Channel))
        {
            var sent = target.Of(channel.Key).Select(message => message.Name).ToList();
            if (isStrict)
            {
                Assert.Equal(channel.OrderBy(row => row.Commit).ThenBy(row => row.InsertedAs).Select(row => row.Name), sent);
            }

            foreach (var together in channel.GroupBy(row => row.Commit))
            {
                var places = together.OrderBy(row => row.InsertedAs).Select(row => sent.IndexOf(row.Name)).ToList();
                Assert.Equal(places.Order(), places);
            }
        }
    }

    private Refusal? Refused(OutboundMessage message, bool beforeStoring)
    {
        lock (faults)
        {
            var isRefused = (beforeStoring && broken.Contains(message.Channel)) || random.NextDouble() < faultRate;
            return isRefused ? new Refusal(RefusalKind.Retry, "50000", "a fault of the script") : null;
        }
    }

    private void StartNode() => nodes.Add(outbox.Start(target, isStrict ? order : null));

    private async Task EndNodeAsync(Func<TestNode, Task> end)
    {
        var node = Any(nodes);
        nodes.Remove(node);
        await end(node);
    }

    private string Channel() => $"c{random.Next(4).ToString(CultureInfo.InvariantCulture)}";

    private T Any<T>(List<T> among) => among[random.Next(among.Count)];

    /// <param name="VisibleBefore">The highest id that a reader may have seen without the row.</param>
    private sealed record Event(string Channel, string Name, int Commit, long InsertedAs, long VisibleBefore);

    private sealed class OpenTransaction(NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
    {
        public List<(string Channel, string Name, long Id)> Rows { get; } = [];

        public static async Task<OpenTransaction> BeginAsync(NpgsqlDataSource database)
        {
            var connection = await database.OpenConnectionAsync();
            return new OpenTransaction(connection, await connection.BeginTransactionAsync());
        }

        public async Task InsertAsync(string channel, string name, bool hasSavepoint)
        {
            if (hasSavepoint)
            {
                await transaction.SaveAsync("s");
            }

            await using var insert = new NpgsqlCommand(
                "INSERT INTO outbox (mutation_id, channel, name) VALUES ($1, $2, $1) RETURNING sequence_id", connection, transaction);
            insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
            insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = channel });
            Rows.Add((channel, name, (long)(await insert.ExecuteScalarAsync())!));
        }

        public Task CommitAsync() => transaction.CommitAsync();

        public async ValueTask DisposeAsync()
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}
