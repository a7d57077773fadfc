using System.Globalization;
using Xunit;

namespace SyncEngine.Tests.Simulation;

/// <summary>
/// The whole engine in a simulated world, from seed to seed. <c>SIMULATION_SEEDS</c> says how many seeds are drawn, 100 without it.
/// </summary>
public sealed class SimulationTests
{
    private const int Ranges = 4;

    /// <summary>First seed and number of seeds of each range.</summary>
    public static TheoryData<int, int> Drawn()
    {
        var seeds = int.Parse(Environment.GetEnvironmentVariable("SIMULATION_SEEDS") ?? "100", CultureInfo.InvariantCulture);
        var ranges = new TheoryData<int, int>();
        for (var range = 1; range <= Ranges; range++)
        {
            ranges.Add((range * 100_000) + 1, seeds / Ranges);
        }

        return ranges;
    }

    [Theory]
    [InlineData(8, 1)] // A failed audit made live attachments stale, and the diffs that they missed never came.
    [InlineData(181, 1)] // A result changed and changed back between two reads, and a cut between them was sent.
    [MemberData(nameof(Drawn))]
    public void After_every_cut_every_client_has_the_databases_rows(int first, int count)
    {
        var diffs = 0;
        for (var seed = first; seed < first + count; seed++)
        {
            diffs += Run(seed);
        }

        Assert.True(diffs >= count, "the simulation has shown next to nothing");
    }

    private static int Run(int seed)
    {
        using var world = new World(seed);
        try
        {
            world.Run(steps: 800);
        }
        catch (Exception failure)
        {
            throw new InvalidOperationException($"seed {seed}: {failure.Message}", failure);
        }

        return world.Diffs;
    }
}
