using Npgsql;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>Runs transactions on one connection.</summary>
sealed class TransactionRunner(NpgsqlConnection connection)
{
    /// <summary>Rows that the statements of the last transaction touched, in all.</summary>
    public long RowsTouched { get; private set; }

    /// <summary>
    /// Runs a transaction. Returns its id when it committed; null when it was rolled back, wrote nothing, or met a conflict that ended it.
    /// </summary>
    /// <param name="isShared">Others write at the same time: locks are taken, and the pauses kept.</param>
    /// <exception cref="PostgresException">A failure that is no conflict of the data.</exception>
    public async Task<ulong?> RunAsync(Transaction transaction, bool isShared)
    {
        RowsTouched = 0;
        await ExecuteAsync("BEGIN");
        try
        {
            foreach (var sql in isShared ? transaction.LockSql() : [])
            {
                await ExecuteAsync(sql);
            }

            foreach (var statement in transaction.Statements)
            {
                for (var i = 0; isShared && i < statement.Pause; i++)
                {
                    await ExecuteAsync("SELECT 1");
                }

                await RunAsync(statement);
            }

            await using var command = new NpgsqlCommand("SELECT pg_current_xact_id_if_assigned()::text", connection);
            var xid = await command.ExecuteScalarAsync() as string;
            await ExecuteAsync(transaction.IsRolledBack ? "ROLLBACK" : "COMMIT");
            return transaction.IsRolledBack || xid is null ? null : ulong.Parse(xid, System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (PostgresException conflict) when (IsConflict(conflict.SqlState))
        {
            await ExecuteAsync("ROLLBACK");
            return null;
        }
    }

    /// <remarks>55006: TRUNCATE after changes whose deferred constraint has not been checked.</remarks>
    private static bool IsConflict(string sqlState) =>
        sqlState.StartsWith("23", StringComparison.Ordinal) || sqlState.StartsWith("40", StringComparison.Ordinal) || sqlState == PostgresErrorCodes.ObjectInUse;

    private async Task RunAsync(Statement statement)
    {
        if (statement.CopyLines.IsEmpty)
        {
            await using var command = new NpgsqlCommand(statement.Sql, connection);
            RowsTouched += Math.Max(0, await command.ExecuteNonQueryAsync());
            return;
        }

        await using var copy = await connection.BeginTextImportAsync(statement.Sql);
        foreach (var line in statement.CopyLines)
        {
            await copy.WriteAsync(line + "\n");
        }

        RowsTouched += statement.CopyLines.Length;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
