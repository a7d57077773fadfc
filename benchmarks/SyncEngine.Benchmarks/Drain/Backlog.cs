using Npgsql;
using SyncEngine.Changes;

namespace SyncEngine.Benchmarks.Drain;

/// <summary>A published table, and WAL of many transactions on it that lies behind one slot; each drain reads it through a copy of that slot.</summary>
internal sealed class Backlog : IAsyncDisposable
{
    private readonly string connectionString;

    private Backlog(string connectionString, int rows) => (this.connectionString, Rows) = (connectionString, rows);

    public const string Publication = "benchmark_drain";

    public const string Slot = "benchmark_drain";

    public int Rows { get; }

    public Lsn End { get; private set; }

    public uint Table { get; private set; }

    /// <summary>The slot's position.</summary>
    public Lsn Start { get; private set; }

    /// <summary>Sees none of the backlog's transactions.</summary>
    public PgSnapshot SnapshotBefore { get; private set; } = new(0, 0, []);

    public static async Task<Backlog> CreateAsync(string connectionString, int rows, int rowsPerTransaction, CancellationToken cancellationToken)
    {
        var backlog = new Backlog(connectionString, rows);
        await backlog.RemoveAsync();
        await using var connection = await backlog.OpenAsync(cancellationToken);
        await ExecuteAsync(
            $"""
            CREATE TABLE {Publication} (id bigint PRIMARY KEY, room int NOT NULL, author text, body text, created timestamptz DEFAULT now(), score numeric);
            CREATE PUBLICATION {Publication} FOR TABLE {Publication};
            """);
        await ExecuteAsync($"SELECT pg_create_logical_replication_slot('{Slot}', 'pgoutput')");
        backlog.Start = Lsn.Parse((string)(await ScalarAsync($"SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = '{Slot}'"))!);
        backlog.SnapshotBefore = PgSnapshot.Parse((string)(await ScalarAsync("SELECT pg_current_snapshot()::text"))!);
        await ExecuteAsync(
            $"""
            CREATE PROCEDURE {Publication}() LANGUAGE plpgsql AS $$
            BEGIN
                FOR i IN 0 .. {(rows / rowsPerTransaction) - 1} LOOP
                    INSERT INTO {Publication}
                    SELECT i * {rowsPerTransaction} + j, (i * {rowsPerTransaction} + j) % 1000, 'author ' || j % 50, repeat('message ', 10) || i, now(), 12.50 FROM generate_series(1, {rowsPerTransaction}) j;
                    COMMIT;
                END LOOP;
            END $$
            """);
        await ExecuteAsync("SET synchronous_commit = off");
        await ExecuteAsync($"CALL {Publication}()");
        await ExecuteAsync("SET synchronous_commit = on");
        await ExecuteAsync("SELECT pg_logical_emit_message(true, 'end', '')");
        backlog.End = Lsn.Parse((string)(await ScalarAsync("SELECT pg_current_wal_flush_lsn()::text"))!);
        backlog.Table = (uint)(await ScalarAsync($"SELECT '{Publication}'::regclass::oid"))!;
        return backlog;

        async Task ExecuteAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        async Task<object?> ScalarAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            return await command.ExecuteScalarAsync(cancellationToken);
        }
    }

    /// <summary>A slot that stands at the beginning.</summary>
    public async Task<string> CopySlotAsync(CancellationToken cancellationToken)
    {
        const string Copy = Slot + "_copy";
        await using var connection = await OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(
            $"""
            SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{Copy}';
            SELECT pg_copy_logical_replication_slot('{Slot}', '{Copy}')
            """,
            connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
        return Copy;
    }

    public async ValueTask DisposeAsync() => await RemoveAsync();

    private async Task RemoveAsync()
    {
        await using var connection = await OpenAsync(CancellationToken.None);
        await using var command = new NpgsqlCommand(
            $"""
            SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE '{Slot}%';
            DROP PUBLICATION IF EXISTS {Publication};
            DROP TABLE IF EXISTS {Publication};
            DROP PROCEDURE IF EXISTS {Publication}
            """,
            connection);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellationToken);
        return connection;
    }
}
