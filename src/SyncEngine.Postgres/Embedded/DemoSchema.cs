using Dapper;
using Npgsql;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Postgres.Embedded;

/// <summary>The tables and rows that a new embedded server starts with: a chat, a shop's orders and its stock.</summary>
public static class DemoSchema
{
    /// <summary>The tables, in the order of their references.</summary>
    private static readonly string[] scripts = ["demo/rooms.sql", "demo/messages.sql", "demo/orders.sql", "demo/stock.sql"];

    /// <summary>Creates what is missing and fills what is empty, all or nothing.</summary>
    public static async Task LoadAsync(string connectionString, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        foreach (var script in scripts)
        {
            await connection.ExecuteAsync(new CommandDefinition(SqlScripts.Read(script), cancellationToken: cancellationToken));
        }

        await transaction.CommitAsync(cancellationToken);
    }
}
