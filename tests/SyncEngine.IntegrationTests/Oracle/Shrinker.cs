using System.Collections.Immutable;
using Npgsql;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>Makes a failing scenario smaller while it still fails: fewer clients and queries, then fewer transactions, then fewer statements.</summary>
sealed class Shrinker(PostgresFixture postgres, TimeSpan budget)
{
    private readonly long started = TimeProvider.System.GetTimestamp();

    public async Task<(Scenario Scenario, Failure Failure)> ShrinkAsync(Scenario scenario, Failure failure, CancellationToken cancellationToken)
    {
        var smallest = (Scenario: scenario, Failure: failure);
        foreach (var candidate in FewerClients(scenario, failure))
        {
            if (await TryAsync(candidate, cancellationToken) is { } still)
            {
                smallest = (candidate, still);
                break;
            }
        }

        smallest = await DropAsync(smallest, current => current.Transactions.Length, WithoutTransactions, cancellationToken);
        smallest = await DropAsync(smallest, current => current.Transactions.Sum(transaction => transaction.Statements.Length), WithoutStatements, cancellationToken);
        return smallest;
    }

    private static IEnumerable<Scenario> FewerClients(Scenario scenario, Failure failure)
    {
        if (failure.Client is not { } client)
        {
            yield break;
        }

        if (failure.Query is { } query)
        {
            yield return scenario with { Clients = [client with { Queries = [query] }] };
        }

        yield return scenario with { Clients = [client] };
        yield return scenario with { Clients = [.. scenario.Clients.Where(other => other == client || other.Queries.Intersect(client.Queries).Any())] };
    }

    /// <summary>Takes out runs of items, long ones first, single ones last.</summary>
    private async Task<(Scenario Scenario, Failure Failure)> DropAsync(
        (Scenario Scenario, Failure Failure) smallest,
        Func<Scenario, int> count,
        Func<Scenario, int, int, Scenario?> without,
        CancellationToken cancellationToken)
    {
        for (var length = count(smallest.Scenario) / 2; length > 0; length /= 2)
        {
            for (var first = 0; first < count(smallest.Scenario);)
            {
                if (without(smallest.Scenario, first, length) is { } candidate && await TryAsync(candidate, cancellationToken) is { } still)
                {
                    smallest = (candidate, still);
                }
                else
                {
                    first += length;
                }
            }
        }

        return smallest;
    }

    private static Scenario WithoutTransactions(Scenario scenario, int first, int length)
    {
        var last = Math.Min(first + length, scenario.Transactions.Length);
        return scenario with
        {
            Transactions = scenario.Transactions.RemoveRange(first, last - first),
            Clients = [.. scenario.Clients.Select(client => client with { JoinAt = Moved(client.JoinAt), LeaveAt = client.LeaveAt is { } left ? Moved(left) : null, ReturnAt = client.ReturnAt is { } back ? Moved(back) : null })],
        };

        int Moved(int time) => time <= first ? time : Math.Max(first, time - (last - first));
    }

    private static Scenario? WithoutStatements(Scenario scenario, int first, int length)
    {
        var index = 0;
        var transactions = scenario.Transactions
            .Select(transaction => transaction with { Statements = [.. transaction.Statements.Where(_ => index++ is var at && (at < first || at >= first + length))] })
            .ToImmutableArray();
        // A savepoint and what ends it stay together.
        return transactions.All(transaction => transaction.Statements.Count(statement => IsSavepoint(statement, "SAVEPOINT ")) == transaction.Statements.Count(statement => IsSavepoint(statement, "ROLLBACK TO ") || IsSavepoint(statement, "RELEASE ")))
            ? scenario with { Transactions = transactions }
            : null;
    }

    private static bool IsSavepoint(Statement statement, string start) => statement.Sql.StartsWith(start, StringComparison.Ordinal);

    private async Task<Failure?> TryAsync(Scenario candidate, CancellationToken cancellationToken)
    {
        if (TimeProvider.System.GetElapsedTime(started) > budget)
        {
            return null;
        }

        try
        {
            return (await new ScenarioRun(candidate, postgres).RunAsync(cancellationToken)).Failure;
        }
        catch (PostgresException)
        {
            // What was taken out is needed for the rest to run at all (a savepoint, say): not a smaller case of the same failure.
            return null;
        }
    }
}
