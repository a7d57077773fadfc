using Npgsql;

namespace SyncEngine.Postgres.Nodes;

/// <summary>The table of nodes that share work: each node's id, and when its registration expires.</summary>
/// <remarks>
/// Every method is one statement, or one round trip, on a connection of the pool. What fails is thrown as the driver threw it.
/// </remarks>
/// <param name="table">Quoted, for SQL text.</param>
/// <param name="sent">Called with the number of statements that are about to be sent, on any thread.</param>
public sealed class NodesTable(NpgsqlDataSource database, string table, Action<int>? sent = null)
{
    /// <summary>Times are UTC without zone, by the database's clock alone.</summary>
    internal const string Now = "timezone('UTC', clock_timestamp())";

    public async Task JoinAsync(string node, TimeSpan expiry, CancellationToken cancellationToken)
    {
        await using var command = Command($"INSERT INTO {table} AS n (id, expiry) VALUES (@node, {Now} + @expiry)", node, expiry);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// Extends the node's registration and removes expired ones. Its transaction contains nothing else, so that nothing else can make it
    /// fail.
    /// </summary>
    /// <returns>
    /// The live nodes. This one is missing when its own registration had expired: it is not renewed, as others may have acted on that.
    /// </returns>
    public async Task<IReadOnlyList<string>> BeatAsync(string node, TimeSpan expiry, CancellationToken cancellationToken)
    {
        await using var beat = Command(
            $"""
            WITH own AS (UPDATE {table} n SET expiry = {Now} + @expiry WHERE n.id = @node AND n.expiry > {Now} RETURNING n.id),
            gone AS (DELETE FROM {table} n WHERE n.expiry <= {Now} AND n.id <> @node)
            SELECT own.id FROM own
            UNION ALL
            SELECT n.id FROM {table} n WHERE n.expiry > {Now} AND n.id <> @node
            """,
            node, expiry);
        var live = new List<string>();
        await using var reader = await beat.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            live.Add(reader.GetString(0));
        }

        return live;
    }

    /// <summary>Removes the node and wakes the others, which take over its work.</summary>
    public async Task LeaveAsync(string node, string wakeUpChannel, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        var leave = new NpgsqlBatchCommand($"DELETE FROM {table} n WHERE n.id = @node");
        leave.Parameters.Add(new NpgsqlParameter<string>("node", node));
        var wake = new NpgsqlBatchCommand("SELECT pg_notify(@channel, '')");
        wake.Parameters.Add(new NpgsqlParameter<string>("channel", wakeUpChannel));
        batch.BatchCommands.Add(leave);
        batch.BatchCommands.Add(wake);
        sent?.Invoke(2);
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    private NpgsqlCommand Command(string text, string node, TimeSpan expiry)
    {
        sent?.Invoke(1);
        var command = database.CreateCommand(text);
        command.Parameters.Add(new NpgsqlParameter<string>("node", node));
        command.Parameters.Add(new NpgsqlParameter<TimeSpan>("expiry", expiry));
        return command;
    }
}
