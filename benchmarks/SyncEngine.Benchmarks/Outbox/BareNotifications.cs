using Npgsql;

namespace SyncEngine.Benchmarks.Outbox;

/// <summary>
/// The minimum: receives the number of each new row and sends a request for it. It polls nothing, orders nothing and stores nothing.
/// </summary>
internal sealed class BareNotifications : IAsyncDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly NpgsqlConnection connection;
    private readonly BareRequests requests;
    private readonly Task listening;

    private BareNotifications(NpgsqlConnection connection, BareRequests requests)
    {
        this.connection = connection;
        this.requests = requests;
        listening = ListenAsync();
    }

    public static async Task<BareNotifications> StartAsync(string connectionString, BareRequests requests, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellationToken);
        await using var listen = new NpgsqlCommand($"LISTEN {OutboxRows.BareChannel}", connection);
        await listen.ExecuteNonQueryAsync(cancellationToken);
        return new BareNotifications(connection, requests);
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await listening;
        await connection.DisposeAsync();
        stopping.Dispose();
    }

    private async Task ListenAsync()
    {
        var sending = new List<Task>();
        connection.Notification += (_, notification) => sending.Add(requests.SendAsync("bare", notification.Payload, notification.Payload, CancellationToken.None));
        try
        {
            while (true)
            {
                await connection.WaitAsync(stopping.Token);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            await Task.WhenAll(sending);
        }
    }
}
