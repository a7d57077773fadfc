using System.Globalization;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>
/// Seeds of the random run. More of them: SYNC_OUTBOX_SEEDS=first-last in the environment. A seed that ever failed is named here.
/// </summary>
public sealed class RandomRunTests(PostgresFixture postgres)
{
    public static TheoryData<int> Seeds
    {
        get
        {
            var seeds = Environment.GetEnvironmentVariable("SYNC_OUTBOX_SEEDS") ?? "1-6";
            var range = seeds.Split('-').Select(text => int.Parse(text, CultureInfo.InvariantCulture)).ToArray();
            return [.. Enumerable.Range(range[0], range[^1] - range[0] + 1)];
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public Task One_node_that_knows_the_commit_order_publishes_in_it_and_a_reader_of_the_maximum_misses_nothing(int seed) =>
        new RandomRun(postgres, seed, isStrict: true).RunAsync();

    [Theory]
    [MemberData(nameof(Seeds))]
    public Task Every_committed_row_is_published_exactly_once_in_order_by_one_to_four_nodes_under_faults(int seed) =>
        new RandomRun(postgres, seed, isStrict: false).RunAsync();
}
