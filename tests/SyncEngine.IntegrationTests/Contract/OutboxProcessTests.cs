using System.Globalization;
using Dapper;
using Npgsql;
using SyncEngine.AblySimulator;
using SyncEngine.IntegrationTests.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>
/// Whole processes on one outbox under load: one is killed, one is stopped, and readers of max(sequence_id) miss nothing.
/// </summary>
public sealed class OutboxProcessTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const int Channels = 12;
    private const int FirstOnes = 3;
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(60);

    private static readonly string[] options =
    [
        "--SyncEngine:Outbox:AutoCreate=true", "--SyncEngine:Outbox:AutoCreateNodes=true", "--SyncEngine:Outbox:Heartbeat=300 ms",
        "--SyncEngine:Outbox:NodeExpiry=2 s",
        "--SyncEngine:Outbox:LockDuration=4 s", "--SyncEngine:Outbox:SafetyPoll=1 s",
    ];

    private TestDatabase database = null!;
    private SimulatedAbly ably = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        ably = await SimulatedAbly.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await ably.DisposeAsync();
    }

    [Theory]
    [InlineData("KILL")]
    [InlineData("TERM")]
    public async Task When_a_process_ends_in_the_midst_of_its_work_another_goes_on_in_order_under_the_same_ids(string signal)
    {
        var (first, _) = await ServerProcess.RunAsync(database.Url, Options());
        var (second, _) = await ServerProcess.RunAsync(database.Url, Options());
        await using (first)
        await using (second)
        {
            using var enough = new CancellationTokenSource();
            using var slow = ably.Inject(new Fault.Delay(TimeSpan.FromMilliseconds(5)));
            Task<int>[] writers = [WriteAsync(0, enough.Token), WriteAsync(1, enough.Token), WriteAsync(2, enough.Token)];
            await ably.WaitUntilAsync(all => all.StoredCount > 300, timeout, TestContext.Current.CancellationToken);
            first.Signal(signal);
            var stored = ably.StoredCount;
            await ably.WaitUntilAsync(all => all.StoredCount > stored + 300, timeout, TestContext.Current.CancellationToken);
            await enough.CancelAsync();
            var written = (await Task.WhenAll(writers)).Sum();
            await ably.WaitUntilAsync(all => all.StoredCount == written, timeout, TestContext.Current.CancellationToken);
            if (signal == "TERM")
            {
                Assert.Equal(0, await first.ExitCodeAsync());
                Assert.DoesNotContain(ably.Arrivals, arrival => arrival.Outcome == Outcome.Repeated);
            }

            AssertInOrder();
        }
    }

    [Fact]
    public async Task The_stream_of_changes_wakes_the_outbox_where_no_trigger_does()
    {
        var (server, _) = await ServerProcess.RunAsync(
            database.Url,
            [.. Options().Where(option => !option.Contains("SafetyPoll", StringComparison.Ordinal)), "--SyncEngine:Outbox:SafetyPoll=1 h"]);
        await using (server)
        {
            await Eventually.TrueAsync(
                () => database.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_publication_tables WHERE tablename = 'outbox')"));
            await database.ExecuteAsync("DROP TRIGGER public_outbox_trigger ON outbox");
            for (var number = 1; number <= 5; number++)
            {
                await WriteOneAsync(0, number);
                await ably.WaitUntilAsync(all => all.StoredCount == number, timeout, TestContext.Current.CancellationToken);
            }

            AssertInOrder();
        }
    }

    [Fact]
    public async Task A_reader_of_its_state_and_the_maximum_together_misses_no_later_event()
    {
        await database.ExecuteAsync("CREATE TABLE state (name text PRIMARY KEY)");
        var (server, _) = await ServerProcess.RunAsync(database.Url, Options());
        await using (server)
        {
            // The commit order is reported once the table is in the publication, and used from the poll after the first reported commit.
            await Eventually.TrueAsync(
                () => database.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_publication_tables WHERE tablename = 'outbox')"));
            for (var first = 1; first <= FirstOnes; first++)
            {
                await WriteOneAsync(9, first);
                await ably.WaitUntilAsync(all => all.StoredCount == first, timeout, TestContext.Current.CancellationToken);
            }

            using var enough = new CancellationTokenSource();
            Task<int>[] writers = [.. Enumerable.Range(0, 6).Select(writer => WriteAsync(writer, enough.Token))];
            Task<List<(long Maximum, HashSet<string> Visible)>>[] readers = [ReadAsync(enough.Token), ReadAsync(enough.Token)];
            await ably.WaitUntilAsync(all => all.StoredCount > 3_000, timeout, TestContext.Current.CancellationToken);
            await enough.CancelAsync();
            var written = (await Task.WhenAll(writers)).Sum() + FirstOnes;
            await ably.WaitUntilAsync(all => all.StoredCount == written, timeout, TestContext.Current.CancellationToken);
            var reads = (await Task.WhenAll(readers)).SelectMany(read => read).ToList();

            var published = Enumerable.Range(0, Channels).SelectMany(channel => ably.Messages($"c{channel}")).ToDictionary(
                message => message.Name!, message => long.Parse(message.Id!, CultureInfo.InvariantCulture));
            var missed = reads
                .SelectMany(read => published
                    .Where(message => message.Value <= read.Maximum && !read.Visible.Contains(message.Key))
                    .Select(message => $"{message.Key} as {message.Value} at {read.Maximum}"))
                .ToList();
            Assert.True(reads.Count > 50, $"{reads.Count} reads");
            Assert.Empty(missed);
            AssertInOrder();
        }
    }

    private string[] Options() => [.. options, $"--SyncEngine:Ably:Endpoint={ably.Address}", $"--SyncEngine:Ably:Key={ably.Key}"];

    private async Task<int> WriteAsync(int writer, CancellationToken enough)
    {
        var written = 0;
        while (!enough.IsCancellationRequested)
        {
            written++;
            await WriteOneAsync(writer, written);
        }

        return written;
    }

    /// <summary>One event, in a transaction that takes its id early and commits late.</summary>
    private async Task WriteOneAsync(int writer, int number)
    {
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var name = $"{writer}-{number}";
        await connection.ExecuteAsync(
            "INSERT INTO outbox (mutation_id, channel, name) VALUES (@name, @channel, @name); SELECT count(*)"
                + " FROM generate_series(1, (random() * 3000)::int)",
            new { name, channel = $"c{((writer * 5) + number) % Channels}" },
            transaction);
        if (await connection.ExecuteScalarAsync<bool>("SELECT to_regclass('public.state') IS NOT NULL", transaction: transaction))
        {
            await connection.ExecuteAsync("INSERT INTO state VALUES (@name)", new { name }, transaction);
        }

        await transaction.CommitAsync();
    }

    private async Task<List<(long Maximum, HashSet<string> Visible)>> ReadAsync(CancellationToken enough)
    {
        var reads = new List<(long, HashSet<string>)>();
        await using var connection = await database.DataSource.OpenConnectionAsync();
        while (!enough.IsCancellationRequested)
        {
            var (maximum, names) = await connection.QuerySingleAsync<(long, string[])>(
                "SELECT (SELECT coalesce(max(sequence_id), 0) FROM outbox), (SELECT array_agg(name) FROM state)");
            reads.Add((maximum, names.ToHashSet(StringComparer.Ordinal)));
        }

        return reads;
    }

    /// <summary>Ids rise along a channel, each belongs to one message, and one writer's messages keep their order.</summary>
    private void AssertInOrder()
    {
        Assert.All(
            ably.Arrivals.GroupBy(arrival => (arrival.Channel, arrival.Id)),
            same => Assert.Single(same.Select(arrival => arrival.Name).Distinct(StringComparer.Ordinal)));
        for (var channel = 0; channel < Channels; channel++)
        {
            var messages = ably.Messages($"c{channel}");
            var ids = messages.Select(message => long.Parse(message.Id!, CultureInfo.InvariantCulture)).ToList();
            Assert.Equal(ids.Order(), ids);
            foreach (var writer in messages.GroupBy(message => message.Name!.Split('-')[0]))
            {
                var numbers = writer.Select(message => int.Parse(message.Name!.Split('-')[1], CultureInfo.InvariantCulture)).ToList();
                Assert.Equal(numbers.Order(), numbers);
            }
        }
    }
}
