using SyncEngine.Changes.PgOutput;

namespace SyncEngine.Changes;

/// <summary>
/// One committed transaction: its row messages exactly as pgoutput sent them, in order, without Begin and Commit.
/// </summary>
/// <remarks>
/// Messages of relations that were not watched when they arrived are left out; <see cref="Touched"/> names those relations, too.
/// Lifecycle: filled by one reader, handed over once, disposed by its processor (buffers go back to their pool, a spill file is deleted).
/// </remarks>
public sealed class CommittedTransaction : IDisposable
{
    private readonly IMessageSpool spool;

    public CommittedTransaction(ulong xid, in CommitMessage commit, IReadOnlyList<uint> touched, long watchVersion, IMessageSpool spool)
    {
        Xid = xid;
        CommitLsn = commit.CommitLsn;
        EndLsn = commit.EndLsn;
        CommitTimeMicroseconds = commit.CommitTimeMicroseconds;
        Touched = touched;
        WatchVersion = watchVersion;
        this.spool = spool;
    }

    /// <summary>The full 64-bit id: the wire's 32 bits and the epoch.</summary>
    public ulong Xid { get; }

    public Lsn CommitLsn { get; }

    /// <summary>The cut: the position right after the commit record.</summary>
    public Lsn EndLsn { get; }

    /// <summary>Microseconds since 2000-01-01 UTC, as PostgreSQL counts.</summary>
    public long CommitTimeMicroseconds { get; }

    /// <summary>Every published relation that the transaction changed, watched or not; each once.</summary>
    public IReadOnlyList<uint> Touched { get; }

    /// <summary>The version of the watched set when Begin was read: relations watched since then may lack rows here.</summary>
    public long WatchVersion { get; }

    /// <summary>
    /// The kept messages in chunks; each chunk is whole messages, each with a 4-byte little-endian length before it.
    /// A chunk is valid until the next one is asked for (a spilled transaction reads its file again chunk by chunk).
    /// </summary>
    public IEnumerable<ReadOnlyMemory<byte>> Chunks => spool.Read();

    public void Dispose() => spool.Dispose();
}

/// <summary>Holds a transaction's messages until it is processed: in memory, past a budget in a file.</summary>
public interface IMessageSpool : IDisposable
{
    IEnumerable<ReadOnlyMemory<byte>> Read();
}
