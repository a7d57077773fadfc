using SyncEngine.Changes;

namespace SyncEngine.Loop;

/// <summary>
/// The engine's one timeline: how far the stream has been processed, when, and whether it is interrupted. With it goes what the stream has
/// described so far: relations, and the commits that a snapshot may not see yet.
/// </summary>
/// <remarks>Written by the loop alone. <see cref="PublishedPosition"/> and <see cref="IsStreaming"/> are read from any thread.</remarks>
sealed class Timeline(TimeProvider time)
{
    private ulong published;
    private string? interruption;
    private bool hasStarted;

    /// <summary>Every commit that ends at or below it has been processed.</summary>
    public Lsn Position { get; private set; }

    /// <summary>The time of the round under way; one round sees one time.</summary>
    public DateTimeOffset Now { get; private set; } = time.GetUtcNow();

    public DateTimeOffset LastTransactionAt { get; private set; }

    public CommitLog Commits { get; } = new();

    public RelationMap Relations { get; } = new();

    public TimeProvider Time { get; } = time;

    public bool IsInterrupted => Volatile.Read(ref interruption) is not null;

    public bool IsStreaming => !IsInterrupted && Volatile.Read(ref hasStarted);

    public Lsn PublishedPosition => new(Volatile.Read(ref published));

    public void BeginRound() => Now = Time.GetUtcNow();

    /// <summary>Puts a transaction on record before its changes are processed.</summary>
    public void Record(CommittedTransaction transaction)
    {
        LastTransactionAt = Now;
        Commits.Record(new Commit(transaction.Xid, transaction.EndLsn, transaction.Touched, transaction.WatchVersion));
    }

    /// <returns>False when the position was reached before: it only rises.</returns>
    public bool Advance(Lsn reached)
    {
        if (reached <= Position)
        {
            return false;
        }

        Position = reached;
        Volatile.Write(ref published, reached.Value);
        return true;
    }

    public void Start()
    {
        Volatile.Write(ref hasStarted, true);
        Volatile.Write(ref interruption, null);
        // A server describes each relation anew on each connection.
        Relations.Clear();
    }

    public void Interrupt(string reason) => Volatile.Write(ref interruption, reason);

    /// <summary>Begins another history: the position may fall, once.</summary>
    public void Rewind() => Position = Lsn.Zero;
}
