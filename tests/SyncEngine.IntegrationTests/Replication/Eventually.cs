using Xunit;

namespace SyncEngine.IntegrationTests.Replication;

/// <summary>Waits for a condition that only the database knows: asks until it is true.</summary>
public static class Eventually
{
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan interval = TimeSpan.FromMilliseconds(50);

    public static async Task TrueAsync(Func<Task<bool>> isSo)
    {
        var began = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(interval, TimeProvider.System);
        while (!await isSo())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < timeout, "the condition did not become true in time");
            await timer.WaitForNextTickAsync();
        }
    }
}
