using Npgsql;
using SyncEngine.Postgres.Replication;

namespace SyncEngine.Server.Observability;

/// <summary>The database answers a query.</summary>
sealed class DatabaseHealth(NpgsqlDataSource database) : IHealthPart
{
    public string Name => "database";

    public async ValueTask<PartHealth> CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var command = database.CreateCommand("SELECT 1");
            await command.ExecuteScalarAsync(cancellationToken);
            return PartHealth.Up();
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
        {
            return PartHealth.Down("the database does not answer");
        }
    }
}

/// <summary>The slot streams.</summary>
sealed class ReplicationHealth(ReplicationSource source) : IHealthPart
{
    public string Name => "replication";

    public ValueTask<PartHealth> CheckAsync(CancellationToken cancellationToken)
    {
        var status = source.Status;
        return ValueTask.FromResult(status.State switch
        {
            ReplicationState.Streaming => PartHealth.Up(status.LagBytes, status.Since),
            ReplicationState.Interrupted => PartHealth.Down(status.LastError ?? "interrupted", status.Since),
            _ => PartHealth.Starting(status.Detail ?? "connecting", status.Since),
        });
    }
}
