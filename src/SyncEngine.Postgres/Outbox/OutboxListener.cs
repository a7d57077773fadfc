using Npgsql;

namespace SyncEngine.Postgres.Outbox;

/// <summary>Listens for the trigger's notifications, on a connection of its own.</summary>
/// <remarks>
/// Notifications are wake-ups only. What is missed between two connections is found by the poll that follows each connection.
/// </remarks>
public static class OutboxListener
{
    private static readonly TimeSpan silence = TimeSpan.FromSeconds(20);

    /// <summary>Listens until the connection is lost, or until cancelled.</summary>
    /// <param name="notified">Called once when listening has begun, and for each notification.</param>
    /// <exception cref="NpgsqlException">The connection is lost.</exception>
    public static async Task ListenAsync(NpgsqlDataSource database, Action notified, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        connection.Notification += (_, _) => notified();
        await ExecuteAsync(connection, $"LISTEN {OutboxNames.NotifyChannel}", cancellationToken);
        notified();
        try
        {
            while (true)
            {
                if (!await connection.WaitAsync(silence, cancellationToken))
                {
                    await ExecuteAsync(connection, "SELECT 1", cancellationToken); // finds a connection that was lost silently
                }
            }
        }
        finally
        {
            if (connection.State == System.Data.ConnectionState.Open)
            {
                await UnlistenAsync(connection);
            }
        }
    }

    /// <summary>The connection returns to its pool.</summary>
    private static async Task UnlistenAsync(NpgsqlConnection connection)
    {
        try
        {
            await ExecuteAsync(connection, "UNLISTEN *", CancellationToken.None);
        }
        catch (NpgsqlException)
        {
            // It was lost, and the pool notices.
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string text, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(text, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
