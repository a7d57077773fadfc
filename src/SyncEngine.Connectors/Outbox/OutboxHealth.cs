using SyncEngine.Connectors.Lanes;
using SyncEngine.Observability;

namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// The health of the outbox, for /health, /metrics, adbc's endpoints and the playground. The connector and the monitor write it.
/// </summary>
public sealed class OutboxHealth(TimeProvider time)
{
    private long unanswered;
    private long outboxErrors;
    private long nodesErrors;
    private string? fault;
    private string? settlingFault;
    private Func<IReadOnlyList<BlockedChannel>> blocked = static () => [];

    /// <summary>The database answers.</summary>
    public HealthPart Postgres { get; } = new("outbox.postgres", time);

    /// <summary>The outbox table is there and may be used.</summary>
    public HealthPart OutboxTable { get; } = new("outbox.outbox_table", time);

    /// <summary>The nodes table is there and may be used.</summary>
    public HealthPart NodesTable { get; } = new("outbox.nodes_table", time);

    /// <summary>The reason why the connector does not work; null while it does.</summary>
    public string? Fault
    {
        get => Volatile.Read(ref fault) ?? Volatile.Read(ref settlingFault);
        set => Volatile.Write(ref fault, value);
    }

    /// <summary>The reason why published rows cannot be removed; null while they can.</summary>
    public string? SettlingFault
    {
        set => Volatile.Write(ref settlingFault, value);
    }

    /// <summary>The trigger's notifications are received. Not used at the fixed rate.</summary>
    public HealthPart Listen { get; } = new("outbox.listen", time);

    /// <summary>The mode, <c>full</c> or <c>reduced</c>, and the number of nodes.</summary>
    public string? Mode { get; set; }

    /// <summary>Rows in the tables at the last check.</summary>
    public long OutboxEntries { get; set; }

    public long NodesEntries { get; set; }

    /// <summary>The outbox's rows that are not at their target yet.</summary>
    public long Waiting { get; set; }

    /// <summary>Dead letters of this outbox, counted up to a bound.</summary>
    public long DeadLetters { get; set; }

    /// <summary>Statements on the tables that failed since the start.</summary>
    public long OutboxErrors => Interlocked.Read(ref outboxErrors);

    public long NodesErrors => Interlocked.Read(ref nodesErrors);

    /// <summary>Messages sent that have no answer yet.</summary>
    public long UnansweredMessages => Interlocked.Read(ref unanswered);

    /// <summary>Channels whose target refuses their next message, at most a hundred of them.</summary>
    public IReadOnlyList<BlockedChannel> Blocked
    {
        get => Volatile.Read(ref blocked)();
        set => Volatile.Write(ref blocked, () => value);
    }

    /// <summary>
    /// Sets the function that gathers blocked channels. It is called when they are read: with thousands of lanes, gathering at each attempt
    /// would cost too much.
    /// </summary>
    internal void ReadBlockedFrom(Func<IReadOnlyList<BlockedChannel>> gather) => Volatile.Write(ref blocked, gather);

    public void CountOutboxError() => Interlocked.Increment(ref outboxErrors);

    public void CountNodesError() => Interlocked.Increment(ref nodesErrors);

    internal void CountUnanswered(int change) => Interlocked.Add(ref unanswered, change);
}
