namespace SyncEngine.AblySimulator;

/// <summary>How much was taken in the second that runs. Not thread safe.</summary>
struct RateWindow
{
    private long second;
    private long taken;

    /// <summary>Takes it when the limit allows; a refused amount counts for nothing.</summary>
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
