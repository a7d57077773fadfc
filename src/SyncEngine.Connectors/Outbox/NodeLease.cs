namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// A node's right to send: it holds while the node has said that it lives within its expiry. Measured from before each statement was sent, on a clock that
/// only rises, so that it ends no later here than in the database's eyes. Once it has run out it does not come back: lanes have ended, and rows may be others'.
/// </summary>
sealed class NodeLease(TimeSpan expiry, TimeProvider time)
{
    private long confirmedAt;
    private volatile bool hasBegun;
    private volatile bool isLost;

    public bool IsValid
    {
        get
        {
            if (hasBegun && !isLost && time.GetElapsedTime(Volatile.Read(ref confirmedAt)) >= expiry)
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
            hasBegun = true;
        }
    }
}
