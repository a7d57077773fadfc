using System.Collections.Immutable;
using Npgsql;
using SyncEngine.IntegrationTests.Client;
using Xunit;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>
/// Commit order is not visibility order: a commit that waits for a synchronous standby is in the stream before anybody can see it, and a later one may
/// be seen before it. Who subscribes then must not be shown a state that no cut had.
/// </summary>
/// <remarks>The setting is the server's, so nothing else may commit on it meanwhile: the server of this class is its own.</remarks>
[Trait("Category", "Oracle")]
public sealed class LongForkTests : IAsyncLifetime
{
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(30);
    private static readonly Query incremental = new("SELECT id, body FROM fork WHERE body <> $1", [("none", "text")]);
    private static readonly Query requery = new("SELECT body, count(*) FROM fork GROUP BY body", []);

    private readonly PostgresFixture postgres = new();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync()
    {
        await postgres.InitializeAsync();
        database = await postgres.CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE fork (id int4 PRIMARY KEY, body text NOT NULL)");
        await database.ExecuteAsync("INSERT INTO fork VALUES (1, 'before')");
    }

    public async ValueTask DisposeAsync()
    {
        await ReleaseAsync();
        await database.DisposeAsync();
        await postgres.DisposeAsync();
    }

    [Fact]
    public async Task No_client_sees_a_later_commit_without_an_earlier_one_that_is_not_visible_yet()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var server = await SyncServer.StartAsync(database);
        await using var order = await CommitOrder.BeginAsync(database);
        var scenario = new Scenario(0, 1, [], [], [incremental, requery], [], []);
        var changed = new SemaphoreSlim(0);
        await using var early = Client(ClientKind.OpenStream);
        await early.JoinAsync(cancellationToken);
        await ReachAsync(early, 0);

        await database.ExecuteAsync("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
        await database.ExecuteAsync("SELECT pg_reload_conf()");
        await using var waiting = await QueryOracle.ConnectAsync(database);
        var first = ExecuteAsync(waiting, "SET synchronous_commit = on; INSERT INTO fork VALUES (2, 'first'); UPDATE fork SET body = 'changed' WHERE id = 1");
        await UntilAsync("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')");
        await using var passing = await QueryOracle.ConnectAsync(database);
        await ExecuteAsync(passing, "SET synchronous_commit = local; INSERT INTO fork VALUES (3, 'second')");
        Assert.Equal("before second", await database.ScalarAsync<string>("SELECT string_agg(body, ' ' ORDER BY id) FROM fork"));

        // The window is open: the stream has both, a snapshot has the second alone.
        var late = new[] { ClientKind.Stream, ClientKind.OpenStream, ClientKind.Events }.SelectMany(kind => kind == ClientKind.OpenStream ? [Client(kind)] : new[] { Client(kind, 0), Client(kind, 1) }).ToList();
        foreach (var client in late)
        {
            await client.JoinAsync(cancellationToken);
        }

        // Reads have been made and judged: there were some in the window.
        await ExecuteAsync(passing, "INSERT INTO fork VALUES (4, 'third')");
        var commits = await order.ReadAsync();
        await ReachAsync(early, commits[^1].End, query => query == 1 ? null : false);

        await ReleaseAsync();
        await first;
        await ExecuteAsync(passing, "DELETE FROM fork WHERE id = 3");
        commits.AddRange(await order.ReadAsync());
        await using var asking = await QueryOracle.ConnectAsync(database);
        var oracle = new QueryOracle();
        foreach (var client in late.Append(early))
        {
            await ReachAsync(client, commits[^1].End);
        }

        // The rows of the commits in their order, independent of what each client saw.
        string[][] states =
        [
            ["1 before"],
            ["1 changed", "2 first"],
            ["1 changed", "2 first", "3 second"],
            ["1 changed", "2 first", "3 second", "4 third"],
            ["1 changed", "2 first", "4 third"],
        ];
        var ends = commits.Where(commit => IsOurs(commit.Xid)).Select(commit => commit.End).ToList();
        Assert.Equal(states.Length - 1, ends.Count);
        foreach (var client in late.Append(early))
        {
            Assert.Null(client.Failure);
            Assert.NotEmpty(client.Checkpoints);
            foreach (var checkpoint in client.Checkpoints)
            {
                var state = states[ends.Count(end => end <= checkpoint.Cut)];
                var expected = checkpoint.Query == 0
                    ? state.Select(row => row.Split(' ')).Select(row => $"[{row[0]},\"{row[1]}\"]")
                    : state.Select(row => row.Split(' ')[1]).CountBy(body => body).Select(group => $"[\"{group.Key}\",\"{group.Value}\"]");
                Assert.Equal(expected.Order(StringComparer.Ordinal), checkpoint.Rows);
            }
        }

        for (var query = 0; query < 2; query++)
        {
            var answer = await oracle.AskAsync(asking, scenario.Queries[query]);
            foreach (var client in late.Append(early))
            {
                Assert.All(client.Checkpoints.Where(checkpoint => checkpoint.Query == query).TakeLast(1), checkpoint => Assert.Equal(answer.Rows, checkpoint.Rows));
            }
        }

        foreach (var client in late)
        {
            await client.DisposeAsync();
        }

        OracleClient Client(ClientKind kind, int? query = null) =>
            new(scenario, new ClientPlan(kind, query is { } one ? [one] : [0, 1], 0, null, null, false), server.Address, () => changed.Release());

        async Task ReachAsync(OracleClient client, ulong cut, Func<int, bool?>? fails = null)
        {
            while (!client.HasReached(cut, fails ?? (_ => false)))
            {
                Assert.True(await changed.WaitAsync(timeout, cancellationToken), $"{client.Plan}: {client.Describe()}\n{string.Join('\n', client.Log)}");
            }

            Assert.Null(client.Failure);
        }
    }

    private readonly HashSet<ulong> ours = [];

    private bool IsOurs(ulong xid) => ours.Contains(xid);

    /// <summary>One transaction, whose id is noted before it commits.</summary>
    private async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        var settings = sql.StartsWith("SET ", StringComparison.Ordinal) ? sql[..(sql.IndexOf(';', StringComparison.Ordinal) + 1)] : "";
        await using (var begin = new NpgsqlCommand($"{settings} BEGIN; {sql[settings.Length..]}", connection))
        {
            await begin.ExecuteNonQueryAsync();
        }

        await using (var xid = new NpgsqlCommand("SELECT pg_current_xact_id()::text", connection))
        {
            ours.Add(ulong.Parse((string)(await xid.ExecuteScalarAsync())!, System.Globalization.CultureInfo.InvariantCulture));
        }

        await using var commit = new NpgsqlCommand("COMMIT", connection) { CommandTimeout = 120 };
        await commit.ExecuteNonQueryAsync();
    }

    private async Task UntilAsync(string condition)
    {
        while (!await database.ScalarAsync<bool>(condition))
        {
            await Task.Yield();
        }
    }

    private async Task ReleaseAsync()
    {
        await database.ExecuteAsync("ALTER SYSTEM RESET synchronous_standby_names");
        await database.ExecuteAsync("SELECT pg_reload_conf()");
    }
}
