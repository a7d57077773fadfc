namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// A node's right to send: it holds while the node has said that it lives within its expiry. Measured from before each statement was sent, on a clock that
/// only rises and, as that one stands still while a machine sleeps, on the wall's: it ends when either says so, and so no later here than in the database's eyes. Once it has run out it does not come back: lanes have ended, and rows may be others'.
/// </summary>
sealed class NodeLease(TimeSpan expiry, TimeProvider time)
{
    private long confirmedAt;
    private long confirmedTicks;
    private volatile bool hasBegun;
    private volatile bool isLost;

    public bool IsValid
    {
        get
        {
            if (hasBegun && !isLost && (time.GetElapsedTime(Volatile.Read(ref confirmedAt)) >= expiry || time.GetUtcNow().UtcTicks - Volatile.Read(ref confirmedTicks) >= expiry.Ticks))
            {
                isLost = true;
            }

            return hasBegun && !isLost;
        }
    }

    /// <summary>It was confirmed once and has run out since.</summary>
    public bool IsLost => hasBegun && !IsValid;

    /// <param name="asked">The timestamp before the statement that has now succeeded.</param>
    public void Confirm(long asked)
    {
        if (!IsLost)
        {
            Volatile.Write(ref confirmedAt, asked);
            Volatile.Write(ref confirmedTicks, (time.GetUtcNow() - time.GetElapsedTime(asked)).UtcTicks);
            hasBegun = true;
        }
    }
}
