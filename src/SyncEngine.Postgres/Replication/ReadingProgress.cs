namespace SyncEngine.Postgres.Replication;

/// <summary>The messages handled on one connection. Written by the reading loop, read by the position loop.</summary>
internal sealed class ReadingProgress
{
    // Messages handled, doubled, plus one while a transaction is open or not delivered: one word, so that both are read at once.
    private long packed;

    public ProgressMark Mark => new(Volatile.Read(ref packed));

    public void Reset() => Volatile.Write(ref packed, 0);

    public void Set(long handled, bool isInTransaction) => Volatile.Write(ref packed, (handled << 1) | (isInTransaction ? 1L : 0L));
}

/// <summary>The progress at one moment. Two equal marks: nothing was handled between them.</summary>
internal readonly record struct ProgressMark(long Packed)
{
    /// <summary>A transaction is open, or is not delivered yet.</summary>
    public bool IsInTransaction => (Packed & 1) != 0;
}
