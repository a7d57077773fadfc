namespace SyncEngine.Connectors.Nodes;

/// <summary>A node's right to send. It is valid while the node has confirmed its registration within its expiry.</summary>
/// <remarks>
/// The time counts from before each confirming statement was sent, so that the lease ends here no later than in the database. Two clocks
/// measure it: the monotonic one, and the wall clock, because the monotonic one stops while a machine sleeps. The lease ends by the
/// first of them.
/// A lost lease stays lost: lanes have ended, and other nodes may have taken the rows.
/// </remarks>
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
            if (hasBegun && !isLost && HasRunOut())
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

    private bool HasRunOut() =>
        time.GetElapsedTime(Volatile.Read(ref confirmedAt)) >= expiry
        || time.GetUtcNow().UtcTicks - Volatile.Read(ref confirmedTicks) >= expiry.Ticks;
}

/// <summary>The node's lease ran out before it could confirm its registration.</summary>
sealed class LeaseLostException() : Exception("the node's lease ran out before its registration could be confirmed");
