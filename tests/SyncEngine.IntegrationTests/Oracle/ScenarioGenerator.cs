using System.Collections.Immutable;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>Draws a whole scenario from a seed; larger with <c>size</c>.</summary>
static class ScenarioGenerator
{
    /// <param name="size">From 1; the number of everything grows with it.</param>
    public static Scenario Generate(int seed, int writers, int size)
    {
        var random = new Random(seed);
        ImmutableArray<Table> tables = [.. Enumerable.Range(1, random.Next(2, 4 + Math.Min(size, 3))).Select(number => Table(random, number))];
        ImmutableArray<string> views = [.. tables.Where(_ => random.Chance(0.4)).Select(table => QueryGenerator.View(random, table))];
        var generator = new QueryGenerator(random, tables, [.. tables.Zip(tables).Where(pair => views.Any(view => view.StartsWith($"CREATE VIEW v{pair.First.Number} ", StringComparison.Ordinal))).Select(pair => pair.First)]);
        ImmutableArray<Query> queries = [.. Enumerable.Range(0, 6 + (size * 4)).Select(_ => generator.Next())];
        var writing = new TransactionGenerator(random, tables);
        ImmutableArray<Transaction> transactions = [.. Enumerable.Range(0, 10 + (size * 10)).Select(_ => writing.Next())];
        ImmutableArray<ClientPlan> clients =
        [
            // Every query has a client that is connected from the beginning.
            .. queries.Index().GroupBy(query => query.Index % Math.Max(1, queries.Length / 4)).Select(group => new ClientPlan(ClientKind.OpenStream, [.. group.Select(query => query.Index)], 0, null, null, false)),
            .. Enumerable.Range(0, 4 + (size * 3)).Select(_ => Client(random, queries.Length, transactions.Length)),
        ];
        return new Scenario(seed, writers, tables, views, queries, transactions, clients);
    }

    private static Table Table(Random random, int number)
    {
        var identity = random.Chance(0.4) ? Identity.PrimaryKey : random.Of(Enum.GetValues<Identity>());
        var keyLength = identity == Identity.Full ? 0 : random.Chance(0.7) ? 1 : 2;
        var shape = random.Next(10) switch
        {
            0 when identity is Identity.PrimaryKey or Identity.FullWithKey or Identity.Full => TableShape.Partitioned,
            1 when identity is not Identity.FullWithDeferredKey => TableShape.Inherited,
            _ => TableShape.Plain,
        };
        List<Column> columns = [];
        for (var i = 0; i < keyLength; i++)
        {
            columns.Add(new Column($"k{i + 1}", random.Chance(0.5) ? DomainOfTypes.Keys[0] : random.Of(DomainOfTypes.Keys), IsNotNull: true));
        }

        // Something to join on, nearly everywhere.
        if (random.Chance(0.8))
        {
            columns.Add(new Column("n", DomainOfTypes.Values[0], IsNotNull: false));
        }

        var others = random.Next(columns.Count == 0 ? 1 : 0, 5);
        for (var i = 0; i < others; i++)
        {
            columns.Add(new Column($"c{i + 1}", random.Of(DomainOfTypes.Values), IsNotNull: random.Chance(0.2)));
        }

        return new Table(number, shape, identity, keyLength, [.. columns]);
    }

    private static ClientPlan Client(Random random, int queries, int transactions)
    {
        var kind = random.Of(Enum.GetValues<ClientKind>());
        var count = kind == ClientKind.OpenStream ? random.Next(1, Math.Min(8, queries) + 1) : 1;
        var joinAt = random.Chance(0.3) ? 0 : random.Next(transactions + 1);
        int? leaveAt = random.Chance(0.6) ? random.Next(joinAt, transactions + 1) : null;
        int? returnAt = leaveAt is { } left && random.Chance(0.8) ? random.Next(left, transactions + 1) : null;
        return new ClientPlan(kind, [.. random.Some(Enumerable.Range(0, queries), count)], joinAt, leaveAt, returnAt, random.Chance(0.4));
    }
}
