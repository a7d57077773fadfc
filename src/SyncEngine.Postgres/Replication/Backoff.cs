namespace SyncEngine.Postgres.Replication;

/// <summary>Pauses that double from a minimum to a maximum, each somewhere in its upper half so that many engines do not come at once.</summary>
internal sealed class Backoff(TimeSpan minimum, TimeSpan maximum, int seed)
{
    private readonly Random random = new(seed);
    private int doublings;

    public TimeSpan Next()
    {
        var pause = minimum * Math.Pow(2, doublings);
        if (pause < maximum)
        {
            doublings++;
        }

        return (pause < maximum ? pause : maximum) * (0.5 + (random.NextDouble() / 2));
    }

    public void Reset() => doublings = 0;
}
