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
/// <param name="Since">When the state began.</param>
/// <param name="Detail">What is being waited for, if anything.</param>
/// <param name="LastError">The latest failure; it stays after recovery.</param>
/// <param name="Position">Everything that committed up to here has been delivered.</param>
/// <param name="LagBytes">WAL flushed by the server but not delivered yet, at the last check.</param>
/// <param name="RetainedBytes">WAL that the server keeps for the slot, at the last check.</param>
/// <param name="SafeBytes">WAL that can still be written before the slot is invalidated; null for no limit.</param>
public sealed record ReplicationStatus(
    ReplicationState State,
    DateTimeOffset Since,
    string? SlotName,
    string? Detail,
    string? LastError,
    Lsn Position,
    long LagBytes,
    long RetainedBytes,
    long? SafeBytes);
