namespace SyncEngine.Postgres.Replication;

/// <summary>The status of a source: written by its loops, read from any thread.</summary>
internal sealed class StatusRecord(TimeProvider time)
{
    private readonly Lock access = new();
    private ReplicationStatus status = new() { State = ReplicationState.Connecting, Since = time.GetUtcNow() };

    public ReplicationStatus Current
    {
        get
        {
            lock (access)
            {
                return status;
            }
        }
    }

    /// <summary>A state begins now.</summary>
    public void Begin(ReplicationState state) => Change(status => status with { State = state, Since = time.GetUtcNow() });

    public void Interrupted(string reason) => Change(status => status with
    {
        State = ReplicationState.Interrupted,
        Since = time.GetUtcNow(),
        Detail = null,
        LastError = reason,
    });

    /// <param name="blockers">The transactions that delay the slot; empty when none can be seen now.</param>
    public void WaitForTransactions(string blockers) => Change(status => status with
    {
        State = ReplicationState.WaitingForTransactions,
        Detail = blockers.Length > 0 ? blockers : status.Detail,
    });

    public void Change(Func<ReplicationStatus, ReplicationStatus> change)
    {
        lock (access)
        {
            status = change(status);
        }
    }
}
