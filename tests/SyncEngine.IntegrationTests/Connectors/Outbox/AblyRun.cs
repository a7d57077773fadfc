using System.Globalization;
using System.Text.Json;
using Dapper;
using Npgsql;
using SyncEngine.AblySimulator;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Outbox;
using SyncEngine.IntegrationTests.Connectors.Ably;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>
/// An outbox, Ably's simulator, and nodes between them. It records what was written on each channel and in which order. At the end of every
/// run it checks: nothing is lost or delivered twice, every channel is in order, no event was sent under two ids, and no id with two
/// contents.
/// </summary>
sealed class AblyRun : IAsyncDisposable
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    private readonly Lock access = new(); // writers write beside each other
    private readonly Dictionary<string, List<string>> written = new(StringComparer.Ordinal);
    private readonly HashSet<string> uncertain = new(StringComparer.Ordinal);
    private int count;

    private AblyRun(OutboxDatabase outbox, SimulatedAbly ably)
    {
        Outbox = outbox;
        Ably = ably;
    }

    public OutboxDatabase Outbox { get; }

    public SimulatedAbly Ably { get; }

    public static async Task<AblyRun> CreateAsync(IPostgresServer server, SimulatorOptions? simulator = null, bool hasTrigger = true) =>
        new(await OutboxDatabase.CreateAsync(server, hasTrigger: hasTrigger), await SimulatedAbly.StartAsync(simulator));

    /// <summary>A node with an Ably target of its own.</summary>
    public TestNode Start(Func<AblyOptions, AblyOptions>? target = null, OutboxOptions? options = null, string? role = null) =>
        Outbox.Start(AblyFixture.Target(Ably, target), options: options, role: role);

    /// <summary>Events of one transaction, on one channel or several; the name of each is also its mutation.</summary>
    public async Task WriteAsync(params IReadOnlyList<(string Channel, string Name)> events)
    {
        await using var connection = await Outbox.Database.DataSource.OpenConnectionAsync();
        await WriteAsync(connection, events);
    }

    /// <summary>So many events of a channel in one transaction.</summary>
    public Task WriteManyAsync(string channel, int howMany, string prefix = "e") =>
        WriteAsync([.. Enumerable.Range(1, howMany).Select(
            number => (channel, $"{channel}/{prefix}{number.ToString(CultureInfo.InvariantCulture)}"))]);

    /// <summary>These have become visible on their channels, in this order.</summary>
    public void Expect(params IReadOnlyList<(string Channel, string Name)> events)
    {
        lock (access)
        {
            foreach (var (channel, name) in events)
            {
                if (!written.TryGetValue(channel, out var names))
                {
                    written.Add(channel, names = []);
                }

                names.Add(name);
                count++;
            }
        }
    }

    /// <summary>Writers that write beside each other, each on channels of its own, until they are stopped.</summary>
    public Load StartLoad(int seed, int writers = 3, int channelsEach = 4) => new(this, seed, writers, channelsEach);

    /// <summary>Waits until Ably has stored this many more messages.</summary>
    public Task ProgressAsync(int more)
    {
        var until = Ably.StoredCount + more;
        return Ably.WaitForAllAsync(until, Deadline);
    }

    /// <summary>Waits until all rows are stored and only a tombstone is left, then checks everything.</summary>
    /// <param name="except">Channels on which nothing is to be stored.</param>
    public async Task CompleteAsync(params IReadOnlyCollection<string> except)
    {
        int expected;
        lock (access)
        {
            expected = count - except.Sum(channel => written[channel].Count);
        }

        await Ably.WaitForAllAsync(expected, Deadline);
        await Replication.Eventually.TrueAsync(
            async () => await Outbox.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE NOT processed") == 0);
        Check(except);
    }

    public void Check(params IReadOnlyCollection<string> except)
    {
        lock (access)
        {
            foreach (var (channel, names) in written)
            {
                var seen = Ably.Messages(channel);
                Assert.Equal(
                    except.Contains(channel) ? [] : names, seen.Select(message => message.Name!).Where(name => !uncertain.Contains(name)));
                Assert.All(seen, message => Assert.Equal(message.Name, MutationOf(message)));
                var ids = seen.Select(IdOf).ToList();
                Assert.Equal(ids.Order().Distinct(), ids);
            }
        }

        foreach (var sent in Ably.Arrivals.GroupBy(arrival => (arrival.Channel, arrival.Id)))
        {
            Assert.Single(sent.Select(arrival => (arrival.Name, arrival.Data, arrival.Encoding, arrival.Extras)).Distinct());
        }

        foreach (var sent in Ably.Arrivals.GroupBy(MutationOf))
        {
            Assert.Single(sent.Select(arrival => (arrival.Channel, arrival.Id)).Distinct());
        }
    }

    /// <summary>Code and number of the dead letters, by code.</summary>
    public async Task<string> DeadLettersAsync() =>
        await Outbox.ScalarAsync<string?>(
            "SELECT string_agg(code || ' ' || howMany, ', ' ORDER BY code) FROM (SELECT code, count(*) AS howMany"
            + " FROM sync.dead_letters GROUP BY code) letters") ?? "";

    public static long IdOf(RecordedMessage message) => long.Parse(message.Id!, CultureInfo.InvariantCulture);

    public static string? MutationOf(RecordedMessage message) => Headers(message).GetProperty("x-ably-models-event-uuid").GetString();

    public static JsonElement Headers(RecordedMessage message) => JsonElement.Parse(message.Extras!).GetProperty("headers");

    public async ValueTask DisposeAsync()
    {
        Ably.ClearFaults();
        await Outbox.DisposeAsync();
        await Ably.DisposeAsync();
    }

    private async Task WriteAsync(NpgsqlConnection connection, IReadOnlyList<(string Channel, string Name)> events)
    {
        try
        {
            await connection.ExecuteAsync(
                "INSERT INTO outbox (mutation_id, channel, name, data) SELECT name, channel, name, jsonb_build_object('name', name)"
                    + " FROM unnest(@channels, @names) WITH ORDINALITY AS e (channel, name, place) ORDER BY place",
                new { channels = events.Select(each => each.Channel).ToArray(), names = events.Select(each => each.Name).ToArray() });
        }
        catch (NpgsqlException)
        {
            // It may have been committed or not.
            lock (access)
            {
                uncertain.UnionWith(events.Select(each => each.Name));
            }

            throw;
        }

        Expect(events);
    }

    /// <summary>Writers that keep the outbox busy, at most a bounded number of rows ahead of what is published.</summary>
    internal sealed class Load
    {
        private const int RowsAhead = 1_000;

        private readonly CancellationTokenSource enough = new();
        private readonly Task[] writing;

        public Load(AblyRun run, int seed, int writers, int channelsEach) =>
            writing = [.. Enumerable.Range(0, writers).Select(writer => WriteAsync(run, writer, channelsEach, new Random(seed + writer)))];

        public async Task EndAsync()
        {
            await enough.CancelAsync();
            await Task.WhenAll(writing);
            enough.Dispose();
        }

        private async Task WriteAsync(AblyRun run, int writer, int channels, Random random)
        {
            await Task.Yield();
            var number = 0;
            while (!enough.IsCancellationRequested)
            {
                try
                {
                    await using var connection = await run.Outbox.Database.DataSource.OpenConnectionAsync(enough.Token);
                    while (!enough.IsCancellationRequested)
                    {
                        await run.Ably.WaitUntilAsync(
                            ably => run.count - ably.StoredCount < RowsAhead, TimeSpan.FromMinutes(1), enough.Token);
                        await run.WriteAsync(connection, [.. Enumerable.Range(0, random.Next(1, 5)).Select(
                            _ => ($"w{writer}.{random.Next(channels)}", $"w{writer}/{++number}"))]);
                    }
                }
                catch (NpgsqlException)
                {
                    // The server is away: the next connection is tried until it is back, or enough was written.
                    await Replication.Eventually.TrueAsync(
                        async () => enough.IsCancellationRequested || await CanConnectAsync(run.Outbox.Database.DataSource));
                }
                catch (OperationCanceledException) when (enough.IsCancellationRequested)
                {
                    return;
                }
            }
        }

        private static async Task<bool> CanConnectAsync(NpgsqlDataSource database)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync();
                return true;
            }
            catch (NpgsqlException)
            {
                return false;
            }
        }
    }
}
