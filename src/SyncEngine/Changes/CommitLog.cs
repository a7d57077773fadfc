namespace SyncEngine.Changes;

/// <summary>One commit that the stream has delivered.</summary>
/// <param name="Touched">The published relations it changed.</param>
/// <param name="WatchVersion">See <see cref="CommittedTransaction.WatchVersion"/>.</param>
public readonly record struct Commit(ulong Xid, Lsn EndLsn, IReadOnlyList<uint> Touched, long WatchVersion);

/// <summary>
/// The delivered commits that a snapshot might not see yet. Commit order is not visibility order: a commit may wait for a synchronous
/// standby after its record is in the log. So a snapshot is matched to the stream by its visible transactions, not by position alone.
/// </summary>
/// <remarks>
/// A commit that one snapshot sees is seen by every later one. It is dropped when no read is under way that began before that snapshot's
/// answer. Only a prefix is dropped: a commit after an unseen one shows that a snapshot is no prefix of the stream.
/// Bounded by calling <see cref="MarkSeen"/> regularly. The rule: docs/decisions/snapshot-to-stream.md.
/// </remarks>
public sealed class CommitLog
{
    private readonly LinkedList<long> readsUnderWay = [];
    private readonly List<Entry> entries = [];
    private long nextRead;

    public int Count => entries.Count;

    public void Record(in Commit commit) => entries.Add(new Entry(commit, long.MaxValue));

    /// <summary>A read begins; its snapshot is taken later than now.</summary>
    public LinkedListNode<long> BeginRead() => readsUnderWay.AddLast(nextRead++);

    public void EndRead(LinkedListNode<long> read)
    {
        readsUnderWay.Remove(read);
        Prune();
    }

    /// <summary>The delivered commits that the snapshot does not see, in commit order.</summary>
    public IEnumerable<Commit> NotSeenBy(PgSnapshot snapshot) =>
        entries.Where(entry => !snapshot.Sees(entry.Commit.Xid)).Select(entry => entry.Commit);

    /// <summary>The delivered commits on record, in commit order.</summary>
    public IEnumerable<Commit> All => entries.Select(entry => entry.Commit);

    /// <summary>Notes the commits that a snapshot shows: every later one shows them, too.</summary>
    public void MarkSeen(PgSnapshot snapshot)
    {
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            if (entry.SeenAt == long.MaxValue && snapshot.Sees(entry.Commit.Xid))
            {
                entries[i] = entry with { SeenAt = nextRead };
            }
        }

        Prune();
    }

    /// <summary>A new epoch: nothing delivered before says anything about it.</summary>
    public void Clear() => entries.Clear();

    private void Prune()
    {
        var oldestRead = readsUnderWay.First?.Value ?? nextRead;
        var seen = 0;
        while (seen < entries.Count && entries[seen].SeenAt <= oldestRead)
        {
            seen++;
        }

        entries.RemoveRange(0, seen);
    }

    /// <param name="SeenAt">The number of the first read whose snapshot surely sees the commit.</param>
    private readonly record struct Entry(Commit Commit, long SeenAt);
}
