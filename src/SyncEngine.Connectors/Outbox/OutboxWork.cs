using System.Collections.Concurrent;
using SyncEngine.Connectors.Lanes;
using SyncEngine.Connectors.Nodes;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>The ids that are locked for this node: on a lane, or stored and not settled yet.</summary>
sealed class RowsInWork(TimeProvider time)
{
    private readonly ConcurrentDictionary<long, long> takenAt = new();

    public int Count => takenAt.Count;

    public IReadOnlyCollection<long> Ids => [.. takenAt.Keys];

    public bool Contains(long id) => takenAt.ContainsKey(id);

    /// <returns>False when the row is in work already.</returns>
    public bool TryAdd(long id) => takenAt.TryAdd(id, time.GetTimestamp());

    /// <summary>The time since the row was taken; null when it is not in work.</summary>
    public TimeSpan? TimeOf(long id) => takenAt.TryGetValue(id, out var taken) ? time.GetElapsedTime(taken) : null;

    public void Remove(IEnumerable<long> ids)
    {
        foreach (var id in ids)
        {
            takenAt.TryRemove(id, out _);
        }
    }
}

/// <summary>A node's work: its rows on lanes, and the ids that it has locked.</summary>
sealed class OutboxWork
{
    private readonly RowsInWork inWork;

    public OutboxWork(OutboxContext context, NodeLease lease, SettleQueue settling, bool mayDeadLetter)
    {
        inWork = new RowsInWork(context.Time);
        Lanes = new LaneSet<OutboxRow>(new LaneParts<OutboxRow>(
            new OutboxSource(context, lease),
            new OutboxSettlement(context, inWork, settling, mayDeadLetter),
            new LaneOptions(context.Options.BatchSize, context.Options.RetryDelay, context.Options.MaxRetryDelay),
            context.Clock,
            context.Logger));
        settling.Settled += inWork.Remove;
    }

    public LaneSet<OutboxRow> Lanes { get; }

    public IReadOnlyCollection<long> LockedIds => inWork.Ids;

    public bool IsInWork(long id) => inWork.Contains(id);

    /// <summary>
    /// True while there is place for more rows. Rows of blocked channels do not count, so that they take no place from the others; of those
    /// there may be ten times as many.
    /// </summary>
    public bool MayTake(int rows) => inWork.Count < rows || (inWork.Count < 10 * rows && inWork.Count - Lanes.Waiting < rows);

    /// <summary>Puts rows on their lanes.</summary>
    /// <param name="rows">In order of id; rows that are in work already are left out.</param>
    public void Add(IEnumerable<OutboxRow> rows) => Lanes.Add(rows.Where(row => inWork.TryAdd(row.Id)));
}
