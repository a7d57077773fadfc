using SyncEngine.Changes;

namespace SyncEngine.Delivery;

/// <summary>All replay logs together: bounded by age and by bytes, the oldest diffs of all go first. Owned by the loop.</summary>
sealed class ReplaySet(TimeSpan window, long maxBytes)
{
    private readonly Queue<(DateTimeOffset At, ReplayLog Log)> kept = new();
    private long bytes;

    public void Add(ReplayLog log, DateTimeOffset now, Lsn cut, IReadOnlyList<FrameBody> frames)
    {
        var before = log.Bytes;
        log.Add(now, cut, frames);
        bytes += log.Bytes - before;
        kept.Enqueue((now, log));
        while (bytes > maxBytes && kept.TryDequeue(out var oldest))
        {
            Drop(oldest.Log, oldest.At);
        }
    }

    /// <summary>Empties a log: from now on it holds what comes after the cut.</summary>
    public void Restart(ReplayLog log, Lsn cut)
    {
        bytes -= log.Bytes;
        log.Restart(cut);
    }

    public void DropOld(DateTimeOffset now)
    {
        while (kept.TryPeek(out var oldest) && now - oldest.At > window)
        {
            kept.Dequeue();
            Drop(oldest.Log, oldest.At);
        }
    }

    private void Drop(ReplayLog log, DateTimeOffset upTo)
    {
        var before = log.Bytes;
        log.DropUpTo(upTo);
        bytes += log.Bytes - before;
    }
}
