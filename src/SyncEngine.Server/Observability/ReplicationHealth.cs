using SyncEngine.Observability;
using SyncEngine.Postgres.Replication;

namespace SyncEngine.Server.Observability;

/// <summary>Reports whether the replication slot streams, and how far the stream is behind.</summary>
sealed class ReplicationHealth(ReplicationSource source) : IHealthPart
{
    public string Name => "replication";

    public HealthState State
    {
        get
        {
            var status = source.Status;
            return status.State switch
            {
                ReplicationState.Streaming => new HealthState(HealthStatus.Up, null, status.Since, new HealthLag(status.LagBytes)),
                ReplicationState.Interrupted => new HealthState(
                    HealthStatus.Down, "the stream of changes is interrupted and reconnects; the log has the reason", status.Since),
                ReplicationState.WaitingForTransactions => new HealthState(
                    HealthStatus.Starting, "the slot waits for transactions that are in progress; the log names them", status.Since),
                _ => new HealthState(HealthStatus.Starting, "connecting", status.Since),
            };
        }
    }
}
