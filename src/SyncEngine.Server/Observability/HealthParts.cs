using Npgsql;
using SyncEngine.Observability;
using SyncEngine.Postgres.Replication;

namespace SyncEngine.Server.Observability;

/// <summary>Whether the database answers a query: asked once a second by a loop of its own, so that a health request never waits for it.</summary>
sealed class DatabaseProbe(NpgsqlDataSource database, [FromKeyedServices(DatabaseProbe.PartName)] HealthPart part, TimeProvider time) : BackgroundService
{
    public const string PartName = "database";
    private static readonly TimeSpan interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan patience = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(interval, time);
        do
        {
            if (await AnswersAsync(stoppingToken))
            {
                part.Up();
            }
            else
            {
                part.Down("the database does not answer");
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            await using var command = database.CreateCommand("SELECT 1");
            await command.ExecuteScalarAsync(either.Token);
            return true;
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }
}

/// <summary>The slot streams.</summary>
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
                ReplicationState.Interrupted => new HealthState(HealthStatus.Down, "the stream of changes is interrupted and is being mended; the log says why", status.Since),
                _ => new HealthState(HealthStatus.Starting, status.State == ReplicationState.WaitingForTransactions ? "the slot waits for transactions that are in progress; the log names them" : "connecting", status.Since),
            };
        }
    }
}
