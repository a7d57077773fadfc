namespace SyncEngine.AblySimulator;

/// <summary>The amount that was used in the current second. Not thread safe.</summary>
struct RateWindow
{
    private long second;
    private long taken;

    /// <summary>Uses an amount when the limit allows. A refused amount does not count.</summary>
    public bool TryTake(long amount, long? limit, DateTimeOffset now)
    {
        if (limit is not { } most)
        {
            return true;
        }

        var current = now.ToUnixTimeSeconds();
        if (current != second)
        {
            (second, taken) = (current, 0);
        }

        if (taken + amount > most)
        {
            return false;
        }

        taken += amount;
        return true;
    }
}
