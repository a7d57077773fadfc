using Xunit;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>Many subscribe in the midst of hundreds of transactions, of which some are very large, and each is right from its first cut on.</summary>
[Trait("Category", "Oracle")]
public sealed class ConcurrentSubscribeTests(PostgresFixture postgres)
{
    private static readonly Table table = new(
        1, TableShape.Plain, Identity.PrimaryKey, 1, [new Column("k1", DomainOfTypes.Keys[0], true), new Column("n", DomainOfTypes.Values[0], false), new Column("c1", DomainOfTypes.Values[4], false)]);

    private static readonly Query[] queries =
    [
        new("SELECT * FROM t1", []),
        new("SELECT * FROM t1 WHERE n = $1", [("1", "int4")]),
        new("SELECT k1, c1 FROM t1 WHERE n IS NULL OR c1 > 'a' COLLATE \"C\"", []),
        new("SELECT n, count(*) FROM t1 GROUP BY n", []),
        new("SELECT a.k1, b.k1 AS other FROM t1 AS a JOIN t1 AS b ON a.k1 = b.k1 - 1", []),
        new("SELECT k1, n FROM t1 ORDER BY n DESC NULLS LAST, k1 LIMIT 5", []),
    ];

    [Fact]
    public async Task A_subscriber_in_the_midst_of_many_transactions_is_right_from_its_first_cut_on()
    {
        const int transactions = 400;
        var random = new Random(4711);
        var writing = new TransactionGenerator(random, [table]);
        var scenario = new Scenario(
            4711,
            Writers: 6,
            [table],
            [],
            [.. queries],
            [.. Enumerable.Range(0, transactions).Select(_ => writing.Next())],
            [.. Enumerable.Range(0, 60).Select(i => new ClientPlan(
                (ClientKind)(i % 3), i % 3 == (int)ClientKind.OpenStream ? [0, 1, 2, 3, 4, 5] : [i / 3 % queries.Length], random.Next(1, transactions), random.Next(transactions, transactions + 1), null, false))]);
        await ShowAsync(scenario);
    }

    [Fact]
    public async Task A_transaction_of_a_hundred_thousand_rows_is_one_step()
    {
        Transaction[] transactions =
        [
            new([new Statement("INSERT INTO t1 VALUES (1, 1, 'a'), (2, NULL, NULL)")], false),
            new([new Statement("INSERT INTO t1 SELECT g, g % 4, 'x' FROM generate_series(1001, 91000) AS g")], false),
            new([new Statement("UPDATE t1 SET n = 1 WHERE k1 < 2000"), new Statement("DELETE FROM t1 WHERE k1 BETWEEN 3000 AND 50000")], false),
            new([new Statement("UPDATE t1 SET k1 = k1 + 1000000"), new Statement("DELETE FROM t1 WHERE n = 3")], false),
            new([new Statement("TRUNCATE t1"), new Statement("INSERT INTO t1 SELECT g, 1, 'y' FROM generate_series(1000002, 1000010) AS g")], false),
        ];
        // One for each kind of stream and each time to come; the join is left out, as it would be most of the time.
        var plans = Enumerable.Range(0, 3).SelectMany(kind => new[] { 0, 1, 2, 3, 4 }.Select(joinAt => (Kind: (ClientKind)kind, JoinAt: joinAt)))
            .Select(plan => new ClientPlan(plan.Kind, plan.Kind == ClientKind.OpenStream ? [0, 1, 2, 3] : [plan.JoinAt % 4], plan.JoinAt, null, null, false));
        await ShowAsync(new Scenario(0, 1, [table], [], [queries[0], queries[1], queries[3], queries[5]], [.. transactions], [.. plans]));
    }

    private async Task ShowAsync(Scenario scenario)
    {
        var outcome = await new ScenarioRun(scenario, postgres).RunAsync(TestContext.Current.CancellationToken);
        Assert.True(outcome.Failure is null, outcome.Failure?.ToString());
        Assert.True(outcome.Points.Values.Sum() > scenario.Clients.Length, "hardly anything was compared");
    }
}
