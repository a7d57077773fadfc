namespace SyncEngine.Connectors.Outbox;

/// <summary>Waits between attempts: doubling from a first to a longest one, each somewhere in its upper half, so that many do not come at once.</summary>
sealed class RetryPause(TimeSpan first, TimeSpan longest, Random random)
{
    private int doublings;

    public TimeSpan Next()
    {
        var pause = first * Math.Pow(2, doublings);
        if (pause < longest)
        {
            doublings++;
        }

        double part;
        lock (random)
        {
            part = random.NextDouble();
        }

        return (pause < longest ? pause : longest) * (0.5 + (part / 2));
    }

    public void Reset() => doublings = 0;
}
