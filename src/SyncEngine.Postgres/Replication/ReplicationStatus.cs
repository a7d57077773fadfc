using SyncEngine.Changes;

namespace SyncEngine.Postgres.Replication;

public enum ReplicationState
{
    Connecting,

    /// <summary>The slot is being created; that takes until every transaction in progress has ended.</summary>
    WaitingForTransactions,

    Streaming,

    Interrupted,
}

/// <summary>The state of the stream, for health and metrics.</summary>
public sealed record ReplicationStatus
{
    public required ReplicationState State { get; init; }

    /// <summary>The begin of the state.</summary>
    public required DateTimeOffset Since { get; init; }

    public string? SlotName { get; init; }

    /// <summary>The transactions that the slot's creation waits for, if any.</summary>
    public string? Detail { get; init; }

    /// <summary>The latest failure; it stays after recovery.</summary>
    public string? LastError { get; init; }

    /// <summary>Everything that committed up to here has been delivered.</summary>
    public Lsn Position { get; init; }

    /// <summary>WAL flushed by the server but not delivered yet, at the last check.</summary>
    public long LagBytes { get; init; }

    /// <summary>WAL that the server keeps for the slot, at the last check.</summary>
    public long RetainedBytes { get; init; }

    /// <summary>WAL that can still be written before the slot is invalidated; null for no limit.</summary>
    public long? SafeBytes { get; init; }
}
