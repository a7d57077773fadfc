namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// A node's right to send: it holds while the node has said that it lives within its expiry. Measured from before each statement was sent, on a clock that
/// only rises, so that it ends no later here than in the database's eyes.
/// </summary>
sealed class NodeLease(TimeSpan expiry, TimeProvider time)
{
    private long confirmedAt;
    private int hasBegun;

    public bool IsValid => Volatile.Read(ref hasBegun) != 0 && time.GetElapsedTime(Volatile.Read(ref confirmedAt)) < expiry;

    /// <summary>It was confirmed once and has run out since.</summary>
    public bool IsLost => Volatile.Read(ref hasBegun) != 0 && !IsValid;

    /// <param name="asked">The timestamp before the statement that has now succeeded.</param>
    public void Confirm(long asked)
    {
        Volatile.Write(ref confirmedAt, asked);
        Volatile.Write(ref hasBegun, 1);
    }
}
