using System.Globalization;
using Xunit;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>
/// After every cut a client's rows are what PostgreSQL answers at that cut: generated tables, queries, transactions and clients, compared
/// with PostgreSQL itself.
/// </summary>
/// <remarks>
/// <c>ORACLE_MINUTES</c> (default 2) says how long, <c>ORACLE_SEED</c> with which seed to begin (default 1), <c>SYNC_TEST_POSTGRES</c> on which server.
/// A seed says everything but the timing. Each that ever failed is kept among the <see cref="regressions"/>, which run first.
/// </remarks>
[Trait("Category", "Oracle")]
public sealed class OracleTests(PostgresFixture postgres, ITestOutputHelper output)
{
    private const int ConcurrentWriters = 4;
    private static readonly TimeSpan shrinkingTime = TimeSpan.FromMinutes(3);

    /// <summary>
    /// 2: a cut sent between the transactions of a requery's diff, and below one that a replay had passed. 11: a TRUNCATE that ended
    /// subscriptions
    /// with an enum among their parameters.
    /// </summary>
    private static readonly int[] regressions = [2, 11];

    private readonly Dictionary<string, int> points = new(StringComparer.Ordinal);
    private int commits;

    [Fact]
    public async Task A_clients_rows_are_the_querys_result_at_every_cut()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var time = TimeSpan.FromMinutes(double.Parse(Setting("ORACLE_MINUTES") ?? "2", CultureInfo.InvariantCulture));
        var first = int.Parse(Setting("ORACLE_SEED") ?? "1", CultureInfo.InvariantCulture);
        var started = TimeProvider.System.GetTimestamp();
        foreach (var seed in regressions)
        {
            await RunAsync(seed, cancellationToken);
        }

        var next = first;
        do
        {
            await RunAsync(next++, cancellationToken);
        }
        while (TimeProvider.System.GetElapsedTime(started) < time);
        output.WriteLine(
            $"seeds {first} to {next - 1}: {commits} commits, compared (query × cut): {string.Join(", ", points.Select(tier => $"{tier.Key} {tier.Value}"))}; mismatches: 0");
        Assert.True(points.GetValueOrDefault("incremental") > 0 && points.GetValueOrDefault("requery") > 0, "a tier was never compared");
    }

    private async Task RunAsync(int seed, CancellationToken cancellationToken)
    {
        var writers = seed % 2 == 0 ? ConcurrentWriters : 1;
        var size = 1 + (seed / 4 % 4);
        var scenario = ScenarioGenerator.Generate(seed, writers, size);
        Outcome outcome;
        try
        {
            outcome = await new ScenarioRun(scenario, postgres).RunAsync(cancellationToken);
        }
        catch (Exception broken) when (broken is not OperationCanceledException)
        {
            throw new InvalidOperationException($"the run of seed {seed} with {writers} writer(s), size {size}, broke: {broken.Message}", broken);
        }

        commits += outcome.Commits;
        foreach (var (tier, count) in outcome.Points)
        {
            points[tier] = points.GetValueOrDefault(tier) + count;
        }

        if (outcome.Failure is { } failure)
        {
            var found = Report($"seed {seed}, {writers} writer(s), size {size}", failure, null);
            // Printed before the case is made smaller, in case the run is ended meanwhile.
            output.WriteLine(found);
            var (smallest, still) = await new Shrinker(postgres, shrinkingTime).ShrinkAsync(scenario, failure, cancellationToken);
            Assert.Fail(found + Report("the smallest case that still fails", still, smallest));
        }
    }

    private static string Report(string title, Failure failure, Scenario? scenario) => $"\n== {title}\n{scenario}{failure}\n";

    private static string? Setting(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
