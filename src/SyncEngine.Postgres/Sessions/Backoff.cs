namespace SyncEngine.Postgres.Sessions;

/// <summary>Pauses that double from a minimum to a maximum.</summary>
/// <remarks>Each is drawn from its upper half, so that many callers do not return at once.</remarks>
/// <param name="random">May be shared: it is locked while it is used.</param>
public sealed class Backoff(TimeSpan minimum, TimeSpan maximum, Random random)
{
    private int doublings;

    public TimeSpan Next()
    {
        var pause = minimum * Math.Pow(2, doublings);
        if (pause < maximum)
        {
            doublings++;
        }

        double part;
        lock (random)
        {
            part = random.NextDouble();
        }

        return (pause < maximum ? pause : maximum) * (0.5 + (part / 2));
    }

    public void Reset() => doublings = 0;
}
