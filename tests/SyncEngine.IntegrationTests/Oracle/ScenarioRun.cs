using System.Threading.Channels;
using Npgsql;
using SyncEngine.IntegrationTests.Client;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>The findings of a run.</summary>
/// <param name="Points">Comparisons made, (query × cut), by tier.</param>
/// <param name="Failure">The first thing that was wrong; null for nothing.</param>
sealed record Outcome(IReadOnlyDictionary<string, int> Points, int Commits, Failure? Failure);

/// <summary>A failure, with the facts that are needed to analyse it.</summary>
/// <param name="Query">The query concerned, where it is one's.</param>
/// <param name="Commits">The commits in their order.</param>
sealed record Failure(string What, ClientPlan? Client, int? Query, IReadOnlyList<string> ClientLog, IReadOnlyList<string> Commits)
{
    /// <summary>The cut at which it was seen, where it was at one.</summary>
    public ulong? Cut { get; init; }

    /// <summary>The failure, with the commits and the frames about the cut.</summary>
    public override string ToString()
    {
        var near = Cut is null ? Commits : [.. Commits.Where(commit => Distance(commit) < 4096)];
        var at = Cut is null ? -1 : ClientLog.ToList().FindIndex(line => line.Contains(StrictResult.Text(Cut), StringComparison.Ordinal));
        at = at < 0 ? ClientLog.Count : at;
        return $"{What}\nclient: {Client}\n-- commits\n{string.Join('\n', near.TakeLast(40))}\n-- what the client saw\n{string.Join('\n', ClientLog.Take(at + 15).Skip(Math.Max(0, at - 25)))}";
    }

    private ulong Distance(string commit)
    {
        var end = Changes.Lsn.Parse(commit.AsSpan(commit.LastIndexOf(' ') + 1)).Value;
        return end > Cut ? end - Cut.Value : Cut!.Value - end;
    }
}

/// <summary>
/// Runs one scenario on a fresh database and a fresh server: clients live through the transactions, and what they held at every cut is compared with
/// what PostgreSQL answers at that cut.
/// </summary>
sealed class ScenarioRun(Scenario scenario, PostgresFixture postgres)
{
    private static readonly TimeSpan cutTimeout = TimeSpan.FromSeconds(20);

    private readonly QueryOracle oracle = new();
    private readonly Channel<bool> signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly List<OracleClient> clients = [];
    private readonly Dictionary<OracleClient, Task> doings = [];
    private readonly Dictionary<string, int> points = new(StringComparer.Ordinal);
    private NpgsqlConnection asking = null!;
    private Query[] legal = [];

    public async Task<Outcome> RunAsync(CancellationToken cancellationToken)
    {
        await using var database = await postgres.CreateDatabaseAsync();
        foreach (var sql in scenario.SetupSql)
        {
            await database.ExecuteAsync(sql);
        }

        await using var replica = scenario.IsSerial ? null : await postgres.CreateDatabaseAsync();
        foreach (var sql in replica is null ? [] : scenario.SetupSql)
        {
            await replica!.ExecuteAsync(sql);
        }

        await using var questions = await QueryOracle.ConnectAsync(replica ?? database);
        asking = questions;
        await KeepLegalQueriesAsync();
        await using var order = await CommitOrder.BeginAsync(database);
        await using var server = await SyncServer.StartAsync(database);
        clients.AddRange(scenario.Clients
            .Select(plan => plan with { Queries = [.. plan.Queries.Where(query => legal.Contains(scenario.Queries[query]))] })
            .Where(plan => plan.Queries.Length > 0)
            .Select(plan => new OracleClient(scenario, plan, server.Address, () => signal.Writer.TryWrite(true))));
        try
        {
            var before = await AskAsync();
            var truth = scenario.IsSerial
                ? await RunSeriallyAsync(database, order, before, cancellationToken)
                : await RunConcurrentlyAsync(database, replica!, order, before, cancellationToken);
            var failure = await FirstFailureAsync(truth, server, cancellationToken);
            return new Outcome(points, truth.CommitCount, failure);
        }
        finally
        {
            foreach (var client in clients)
            {
                await client.DisposeAsync();
            }
        }
    }

    /// <summary>One writer; after each commit the database itself is asked.</summary>
    private async Task<Truth> RunSeriallyAsync(TestDatabase database, CommitOrder order, Answer[] before, CancellationToken cancellationToken)
    {
        await using var connection = await QueryOracle.ConnectAsync(database);
        var runner = new TransactionRunner(connection);
        var truth = new Truth(before);
        for (var i = 0; i < scenario.Transactions.Length; i++)
        {
            await ActAsync(i, cancellationToken);
            if (await runner.RunAsync(scenario.Transactions[i], isShared: false) is { } xid)
            {
                var answers = await AskAsync();
                var end = (await order.ReadAsync()).Single(commit => commit.Xid == xid).End;
                truth.Add(end, xid, i, answers);
            }

            if (i % 10 == 9 && !await ReachAsync(truth.LastEnd, query => truth.Last[query].Fails, cancellationToken))
            {
                break;
            }
        }

        await ActAsync(scenario.Transactions.Length, cancellationToken);
        await Task.WhenAll(doings.Values);
        await ReachAsync(truth.LastEnd, query => truth.Last[query].Fails, cancellationToken);
        return truth;
    }

    /// <summary>
    /// Several writers at once; what committed is replayed elsewhere, one after the other in commit order, and there PostgreSQL is asked.
    /// </summary>
    private async Task<Truth> RunConcurrentlyAsync(TestDatabase database, TestDatabase replica, CommitOrder order, Answer[] before, CancellationToken cancellationToken)
    {
        var next = -1;
        var committed = new System.Collections.Concurrent.ConcurrentDictionary<ulong, (int Transaction, long Rows)>();
        using var acting = new SemaphoreSlim(1);
        await Task.WhenAll(Enumerable.Range(0, scenario.Writers).Select(async _ =>
        {
            await using var connection = await QueryOracle.ConnectAsync(database);
            var runner = new TransactionRunner(connection);
            while (Interlocked.Increment(ref next) is var index && index < scenario.Transactions.Length)
            {
                await acting.WaitAsync(cancellationToken);
                try
                {
                    await ActAsync(index, cancellationToken);
                }
                finally
                {
                    acting.Release();
                }

                if (await runner.RunAsync(scenario.Transactions[index], isShared: true) is { } xid)
                {
                    committed[xid] = (index, runner.RowsTouched);
                }
            }
        }));
        await ActAsync(scenario.Transactions.Length, cancellationToken);
        await Task.WhenAll(doings.Values);

        var truth = new Truth(before);
        await using (var connection = await QueryOracle.ConnectAsync(replica))
        {
            var runner = new TransactionRunner(connection);
            foreach (var (xid, end) in await order.ReadAsync())
            {
                if (committed.TryGetValue(xid, out var done))
                {
                    var replayed = await runner.RunAsync(scenario.Transactions[done.Transaction], isShared: false);
                    if (replayed is null || runner.RowsTouched != done.Rows)
                    {
                        throw new InvalidOperationException($"transaction {done.Transaction} touched {done.Rows} rows, and {runner.RowsTouched} when replayed: the locks do not hold the order");
                    }

                    truth.Add(end, xid, done.Transaction, await AskAsync());
                }
            }
        }

        await ReachAsync(truth.LastEnd, query => truth.Last[query].Fails, cancellationToken);
        return truth;
    }

    /// <summary>Lets clients come and go, each one step after the other; only those who are there from the beginning are waited for.</summary>
    private async Task ActAsync(int transaction, CancellationToken cancellationToken)
    {
        foreach (var client in clients)
        {
            var plan = client.Plan;
            doings[client] = DoAsync(
                doings.GetValueOrDefault(client, Task.CompletedTask),
                [
                    .. plan.JoinAt == transaction ? [client.JoinAsync] : Array.Empty<Func<CancellationToken, Task>>(),
                    .. plan.LeaveAt == transaction ? [client.LeaveAsync] : Array.Empty<Func<CancellationToken, Task>>(),
                    .. plan.ReturnAt == transaction ? [client.ReturnAsync] : Array.Empty<Func<CancellationToken, Task>>(),
                ]);
        }

        if (transaction == 0)
        {
            await Task.WhenAll(doings.Values);
            await ReachAsync(0, _ => null, cancellationToken);
        }

        async Task DoAsync(Task before, IReadOnlyList<Func<CancellationToken, Task>> steps)
        {
            await before;
            foreach (var step in steps)
            {
                await step(cancellationToken);
            }
        }
    }

    /// <summary>
    /// Waits until every connected client has got a cut, or has failed. At the timeout the verdict names the clients without it.
    /// </summary>
    private async Task<bool> ReachAsync(ulong cut, Func<int, bool?> fails, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(cutTimeout, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            while (!clients.TrueForAll(client => client.HasReached(cut, fails)))
            {
                await signal.Reader.ReadAsync(either.Token);
            }

            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task<Failure?> FirstFailureAsync(Truth truth, SyncServer server, CancellationToken cancellationToken)
    {
        if (clients.Find(client => client.Failure is not null) is { } failed)
        {
            return new Failure(failed.Failure!, failed.Plan, null, failed.Log, truth.Order);
        }

        foreach (var client in clients)
        {
            foreach (var checkpoint in client.Checkpoints)
            {
                points[checkpoint.Mode] = points.GetValueOrDefault(checkpoint.Mode) + 1;
                var expected = truth.At(checkpoint.Cut, checkpoint.Query);
                var what = expected.Fails
                    ? $"the query fails in PostgreSQL ({expected.SqlState}) while the client has rows at that cut"
                    : await oracle.DifferenceAsync(asking, scenario.Queries[checkpoint.Query], expected.Rows, checkpoint.Rows);
                if (what is not null)
                {
                    return new Failure(
                        $"at cut {StrictResult.Text(checkpoint.Cut)} [{checkpoint.Mode}] {scenario.Queries[checkpoint.Query]}: {what}", client.Plan, checkpoint.Query, client.Log, truth.Order)
                    { Cut = checkpoint.Cut };
                }
            }
        }

        if (clients.Find(client => !client.HasReached(truth.LastEnd, query => truth.Last[query].Fails)) is { } behind)
        {
            return new Failure($"not live at {StrictResult.Text(truth.LastEnd)} after {cutTimeout}: {behind.Describe()}", behind.Plan, null, behind.Log, truth.Order);
        }

        using var http = new HttpClient { BaseAddress = server.Address };
        var metrics = await http.GetStringAsync("/metrics", cancellationToken);
        var mismatch = metrics.Split('\n').FirstOrDefault(line => line.StartsWith("sync_audit_mismatches", StringComparison.Ordinal) && !line.TrimEnd().EndsWith(" 0", StringComparison.Ordinal));
        return mismatch is null ? null : new Failure($"the server had to repair a result: {mismatch}", null, null, [], truth.Order);
    }

    private async Task KeepLegalQueriesAsync()
    {
        List<Query> kept = [];
        foreach (var query in scenario.Queries)
        {
            if (await oracle.IsLegalAsync(asking, query))
            {
                kept.Add(query);
            }
        }

        legal = [.. kept];
    }

    private async Task<Answer[]> AskAsync()
    {
        var answers = new Answer[scenario.Queries.Length];
        for (var i = 0; i < answers.Length; i++)
        {
            answers[i] = legal.Contains(scenario.Queries[i]) ? await oracle.AskAsync(asking, scenario.Queries[i]) : new Answer([], null);
        }

        return answers;
    }
}
