using Xunit;

namespace SyncEngine.Tests.Simulation;

public sealed class SimulationTests
{
    [Theory]
    [InlineData(8, 1)] // A failed audit made live attachments stale, and the diffs that they missed never came.
    [InlineData(181, 1)] // A result changed and changed back between two reads, and a cut between them was told.
    [InlineData(1_001, 25)]
    [InlineData(2_001, 25)]
    [InlineData(3_001, 25)]
    [InlineData(4_001, 25)]
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
