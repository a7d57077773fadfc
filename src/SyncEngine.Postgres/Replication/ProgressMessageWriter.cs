using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace SyncEngine.Postgres.Replication;

/// <summary>
/// Writes a small flushed logical message when asked, so that the stream moves although nobody writes. Requests during one are answered by one more.
/// </summary>
internal sealed class ProgressMessageWriter(ReplicationConnections connections, ReplicationSourceOptions options, TimeProvider time, ILogger logger)
{
    public const string Prefix = "syncengine";

    private readonly Channel<bool> requests = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Request() => requests.Writer.TryWrite(true);

    /// <summary>Answers requests until cancelled, on a connection of its own that it mends.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        NpgsqlConnection? connection = null;
        try
        {
            await foreach (var _ in requests.Reader.ReadAllAsync(cancellationToken))
            {
                try
                {
                    connection ??= await connections.OpenPlainAsync(cancellationToken);
                    await using var command = new NpgsqlCommand($"SELECT pg_logical_emit_message(true, '{Prefix}', '')", connection);
                    await command.ExecuteNonQueryAsync(cancellationToken);
                }
                catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
                {
                    logger.ProgressMessageFailed(exception.Message);
                    if (connection is not null)
                    {
                        await connection.DisposeAsync();
                        connection = null;
                    }

                    await Task.Delay(options.MinimumBackoff, time, cancellationToken);
                    Request();
                }
            }
        }
        finally
        {
            if (connection is not null)
            {
                await connection.DisposeAsync();
            }
        }
    }
}
