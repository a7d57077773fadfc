using System.Globalization;
using Npgsql;
using NpgsqlTypes;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>
/// The order in which transactions committed, and where each one's commit record ends. Source: a second logical slot with PostgreSQL's
/// test_decoding.
/// </summary>
sealed class CommitOrder : IAsyncDisposable
{
    private readonly NpgsqlConnection connection;

    private CommitOrder(NpgsqlConnection connection) => this.connection = connection;

    /// <summary>Begins to listen; every later commit is recorded.</summary>
    public static async Task<CommitOrder> BeginAsync(TestDatabase database)
    {
        var connection = await QueryOracle.ConnectAsync(database);
        // The name is the cluster's, the slot goes with the session.
        await using var command = new NpgsqlCommand("SELECT pg_create_logical_replication_slot('oracle_' || pg_backend_pid(), 'test_decoding', true)", connection);
        await command.ExecuteNonQueryAsync();
        return new CommitOrder(connection);
    }

    /// <summary>The commits since the last call, in commit order.</summary>
    public async Task<List<(ulong Xid, ulong End)>> ReadAsync()
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT xid::text, lsn FROM pg_logical_slot_get_changes('oracle_' || pg_backend_pid(), NULL, NULL, 'include-timestamp', 'off')
            WHERE data LIKE 'COMMIT%'
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync();
        List<(ulong, ulong)> commits = [];
        while (await reader.ReadAsync())
        {
            commits.Add((ulong.Parse(reader.GetString(0), CultureInfo.InvariantCulture), (ulong)reader.GetFieldValue<NpgsqlLogSequenceNumber>(1)));
        }

        return commits;
    }

    public ValueTask DisposeAsync() => connection.DisposeAsync();
}
