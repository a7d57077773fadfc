using SyncEngine.Changes;
using Xunit;

namespace SyncEngine.Tests.Changes;

public sealed class CommitLogTests
{
    private readonly CommitLog log = new();

    [Fact]
    public void A_commit_that_a_snapshot_has_seen_is_dropped()
    {
        Record(10, 11);
        log.MarkSeen(new PgSnapshot(12, 12, []));
        Assert.Equal(0, log.Count);
    }

    [Fact]
    public void Only_a_prefix_is_dropped_so_that_a_long_fork_can_be_detected()
    {
        Record(10, 11, 12);
        log.MarkSeen(new PgSnapshot(11, 13, [11]));
        Assert.Equal([11UL, 12UL], log.All.Select(commit => commit.Xid));
        Assert.Equal([11UL], log.NotSeenBy(new PgSnapshot(11, 13, [11])).Select(commit => commit.Xid));
        log.MarkSeen(new PgSnapshot(13, 13, []));
        Assert.Equal(0, log.Count);
    }

    [Fact]
    public void A_commit_is_kept_for_a_read_that_began_before_a_snapshot_saw_it()
    {
        var early = log.BeginRead();
        Record(10);
        var late = log.BeginRead();
        log.MarkSeen(new PgSnapshot(11, 11, []));
        log.EndRead(late);
        Assert.Equal(1, log.Count);
        log.EndRead(early);
        Assert.Equal(0, log.Count);
    }

    [Fact]
    public void A_read_that_begins_after_a_snapshot_saw_a_commit_does_not_keep_it()
    {
        var first = log.BeginRead();
        Record(10);
        log.MarkSeen(new PgSnapshot(11, 11, []));
        var second = log.BeginRead();
        log.EndRead(first);
        Assert.Equal(0, log.Count);
        log.EndRead(second);
    }

    private void Record(params ulong[] xids)
    {
        foreach (var xid in xids)
        {
            log.Record(new Commit(xid, new Lsn(xid * 10), [1], 1));
        }
    }
}
