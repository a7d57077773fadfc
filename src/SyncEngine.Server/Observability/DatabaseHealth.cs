using Npgsql;
using SyncEngine.Observability;
using SyncEngine.Postgres.Errors;

namespace SyncEngine.Server.Observability;

/// <summary>Queries the database once a second and reports whether it answers. A health request never waits for it.</summary>
sealed class DatabaseHealth(
    NpgsqlDataSource database, [FromKeyedServices(DatabaseHealth.PartName)] HealthPart part, TimeProvider time)
    : BackgroundService
{
    public const string PartName = "database";
    private static readonly TimeSpan interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan queryTimeout = TimeSpan.FromSeconds(5);

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
        using var timeout = new CancellationTokenSource(queryTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            await using var command = database.CreateCommand("SELECT 1");
            await command.ExecuteScalarAsync(either.Token);
            return true;
        }
        catch (Exception failure) when (DatabaseFailure.IsOfDatabase(failure))
        {
            return false;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }
}
