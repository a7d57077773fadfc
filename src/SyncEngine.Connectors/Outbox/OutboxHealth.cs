using SyncEngine.Observability;

namespace SyncEngine.Connectors.Outbox;

/// <summary>A channel that waits for its target, and why.</summary>
public sealed record HeldChannel(string Channel, string Target, string Code, string Reason, DateTimeOffset Since, int Tries);

/// <summary>How the outbox does, for /health, /metrics, adbc's doors and the playground. Written by the connector and the probe, read by anybody.</summary>
public sealed class OutboxHealth(TimeProvider time)
{
    private long pendingAcknowledgements;
    private long outboxErrors;
    private long nodesErrors;
    private string? fault;
    private string? settlingFault;
    private Func<IReadOnlyList<HeldChannel>> held = static () => [];

    /// <summary>The database answers.</summary>
    public HealthPart Postgres { get; } = new("outbox.postgres", time);

    /// <summary>The outbox table is there and may be used.</summary>
    public HealthPart OutboxTable { get; } = new("outbox.outbox_table", time);

    /// <summary>The nodes table is there and may be used.</summary>
    public HealthPart NodesTable { get; } = new("outbox.nodes_table", time);

    /// <summary>Why the connector does not work at present; null while it does.</summary>
    public string? Fault
    {
        get => Volatile.Read(ref fault) ?? Volatile.Read(ref settlingFault);
        set => Volatile.Write(ref fault, value);
    }

    /// <summary>Why published rows cannot be removed; null while they can.</summary>
    public string? SettlingFault
    {
        set => Volatile.Write(ref settlingFault, value);
    }

    /// <summary>The trigger's notifications are heard. Not asked in the fixed rate.</summary>
    public HealthPart Listen { get; } = new("outbox.listen", time);

    /// <summary>How it works: <c>full</c> or <c>reduced</c>, and with how many nodes.</summary>
    public string? Mode { get; set; }

    /// <summary>Rows in the tables when they were last looked at.</summary>
    public long OutboxEntries { get; set; }

    public long NodesEntries { get; set; }

    /// <summary>Of the outbox's rows, those that are not at their target yet.</summary>
    public long Waiting { get; set; }

    /// <summary>Of this outbox, counted no further than is cheap.</summary>
    public long DeadLetters { get; set; }

    /// <summary>Statements on the tables that failed since the start.</summary>
    public long OutboxErrors => Interlocked.Read(ref outboxErrors);

    public long NodesErrors => Interlocked.Read(ref nodesErrors);

    /// <summary>Messages sent that no answer has come for.</summary>
    public long PendingAcknowledgements => Interlocked.Read(ref pendingAcknowledgements);

    /// <summary>Channels that are being tried again or held, at most a hundred of them.</summary>
    public IReadOnlyList<HeldChannel> Held
    {
        get => Volatile.Read(ref held)();
        set => Volatile.Write(ref held, () => value);
    }

    /// <summary>From now on they are gathered for whoever reads them.</summary>
    internal void TellHeldBy(Func<IReadOnlyList<HeldChannel>> gather) => Volatile.Write(ref held, gather);

    public void CountOutboxError() => Interlocked.Increment(ref outboxErrors);

    public void CountNodesError() => Interlocked.Increment(ref nodesErrors);

    internal void Pending(int more) => Interlocked.Add(ref pendingAcknowledgements, more);
}
