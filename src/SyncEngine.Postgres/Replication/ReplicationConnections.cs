using Npgsql;
using Npgsql.Replication;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Replication;

/// <summary>
/// Opens the connections of this room. Their settings are in the startup packet, where they override those of role and database.
/// </summary>
internal sealed class ReplicationConnections(ReplicationSourceOptions options)
{
    private const string NoTimeouts =
        "-c statement_timeout=0 -c lock_timeout=0 -c idle_session_timeout=0 -c idle_in_transaction_session_timeout=0";

    // Local: the message has to be flushed here, where it is decoded; it need not wait for a standby.
    private const string PlainSettings = "-c synchronous_commit=local -c search_path=pg_catalog -c statement_timeout=10s";

    public LogicalReplicationConnection ForReplication() => new(Build(NoTimeouts, "syncengine stream", commandTimeoutSeconds: 0))
    {
        WalReceiverStatusInterval = options.FeedbackInterval,
        WalReceiverTimeout = options.ReceiveTimeout,
    };

    /// <summary>An open connection for catalog queries and messages.</summary>
    public async Task<NpgsqlConnection> OpenPlainAsync(CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(Build(PlainSettings, "syncengine monitor", commandTimeoutSeconds: 15));
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private string Build(string settings, string applicationName, int commandTimeoutSeconds)
    {
        var builder = new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            Pooling = false,
            Enlist = false,
            Multiplexing = false,
            ApplicationName = applicationName,
            CommandTimeout = commandTimeoutSeconds,
            ReadBufferSize = 64 * 1024,
        };
        // First the output settings that every connection has, then those of this connection.
        SessionSettings.Apply(builder);
        builder.Options = $"{builder.Options} {settings}";
        if (builder.Host?.StartsWith('/') != true)
        {
            // Half-open connections are noticed within a minute.
            builder.TcpKeepAlive = true;
            builder.TcpKeepAliveTime = 30;
            builder.TcpKeepAliveInterval = 5;
        }

        return builder.ConnectionString;
    }
}
