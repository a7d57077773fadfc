using SyncEngine.Changes;

namespace SyncEngine.Delivery;

/// <summary>
/// The diffs of one result since a cut, for clients that come back. Bounded by age and bytes; an older cut is answered with a new snapshot.
/// </summary>
sealed class ReplayLog(int maxBytes)
{
    private readonly Queue<(DateTimeOffset At, Lsn Cut, IReadOnlyList<FrameBody> Frames)> diffs = new();

    /// <summary>Bytes held at present.</summary>
    public long Bytes { get; private set; }

    /// <summary>Diffs after this cut are all here.</summary>
    public Lsn Start { get; private set; }

    /// <summary>Begins anew at a cut.</summary>
    public void Restart(Lsn cut)
    {
        diffs.Clear();
        Bytes = 0;
        Start = cut;
    }

    public void Add(DateTimeOffset now, Lsn cut, IReadOnlyList<FrameBody> frames)
    {
        diffs.Enqueue((now, cut, frames));
        Bytes += frames.Sum(frame => (long)frame.Length);
        while (Bytes > maxBytes)
        {
            DropOldest();
        }
    }

    public void DropUpTo(DateTimeOffset time)
    {
        while (diffs.TryPeek(out var oldest) && oldest.At <= time)
        {
            DropOldest();
        }
    }

    public IEnumerable<FrameBody> After(Lsn cut) => diffs.Where(diff => diff.Cut > cut).SelectMany(diff => diff.Frames);

    private void DropOldest()
    {
        var (_, cut, frames) = diffs.Dequeue();
        Bytes -= frames.Sum(frame => (long)frame.Length);
        Start = cut;
    }
}
