using System.Globalization;
using Npgsql;
using SyncEngine.Changes;

namespace SyncEngine.Postgres.Replication;

/// <summary>A slot as <c>pg_replication_slots</c> shows it.</summary>
internal sealed record SlotRow
{
    /// <summary>A logical slot of this database, with pgoutput.</summary>
    public bool IsOurs { get; init; }

    public bool IsTemporary { get; init; }

    public bool IsLost { get; init; }

    public int? ActivePid { get; init; }

    public Lsn ConfirmedFlush { get; init; }

    public long RetainedBytes { get; init; }

    public long? SafeBytes { get; init; }
}

/// <summary>The facts that the monitor reads, in one round trip.</summary>
internal sealed record StreamHealth(uint? PublicationOid, ulong NextXid, Lsn FlushedUpTo, SlotRow? Slot);

/// <summary>The catalog queries of replication.</summary>
internal static class ReplicationCatalog
{
    private const string SlotColumns = """
        s.plugin = 'pgoutput' AND s.slot_type = 'logical' AND s.database = current_database() AS is_ours, s.temporary,
        coalesce(s.wal_status = 'lost', false) AS is_lost, s.active_pid, coalesce(s.confirmed_flush_lsn, '0/0')::text AS confirmed,
        coalesce(pg_wal_lsn_diff(w.flushed, s.restart_lsn), 0)::bigint AS retained, s.safe_wal_size
        """;

    private const string Flushed =
        "(SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END AS flushed) w";

    public static async Task<uint?> PublicationOidAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT oid FROM pg_publication WHERE pubname = $1", connection);
        command.Parameters.AddWithValue(name);
        return (uint?)await command.ExecuteScalarAsync(cancellationToken);
    }

    public static async Task<StreamHealth> HealthAsync(
        NpgsqlConnection connection, string publication, string slot, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT p.oid, pg_snapshot_xmax(pg_current_snapshot())::text, w.flushed::text, {SlotColumns}
            FROM {Flushed}
            LEFT JOIN pg_publication p ON p.pubname = $1
            LEFT JOIN pg_replication_slots s ON s.slot_name = $2
            """,
            connection);
        command.Parameters.AddWithValue(publication);
        command.Parameters.AddWithValue(slot);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new StreamHealth(
            reader.IsDBNull(0) ? null : reader.GetFieldValue<uint>(0),
            ulong.Parse(reader.GetString(1), CultureInfo.InvariantCulture),
            Lsn.Parse(reader.GetString(2)),
            reader.IsDBNull(4) ? null : ReadSlot(reader, 3));
    }

    public static async Task<IReadOnlyList<string>> BlockersAsync(
        NpgsqlConnection connection, int waitingPid, CancellationToken cancellationToken)
    {
        // Zero stands for prepared transactions.
        await using var command = new NpgsqlCommand(
            """
            SELECT format('pid %s (%s, %s) since %s', a.pid, nullif(a.application_name, ''), a.state, a.xact_start)
            FROM unnest(pg_blocking_pids($1)) AS b(pid) JOIN pg_stat_activity a USING (pid)
            UNION ALL
            SELECT format('prepared transaction %L since %s', x.gid, x.prepared)
            FROM pg_prepared_xacts x WHERE 0 = ANY (pg_blocking_pids($1)) AND x.database = current_database()
            """,
            connection);
        command.Parameters.AddWithValue(waitingPid);
        var blockers = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            blockers.Add(reader.GetString(0));
        }

        return blockers;
    }

    /// <summary>The start of a backend, which together with its pid identifies it; null when there is none.</summary>
    public static async Task<DateTime?> BackendStartAsync(NpgsqlConnection connection, int pid, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT backend_start FROM pg_stat_activity WHERE pid = $1", connection);
        command.Parameters.AddWithValue(pid);
        return await command.ExecuteScalarAsync(cancellationToken) is DateTime start ? start : null;
    }

    public static async Task<string> DescribeBackendAsync(NpgsqlConnection connection, int pid, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT format('pid %s (%s) of %s at %s since %s', pid, nullif(application_name, ''), usename,
                coalesce(host(client_addr), 'a local socket'), backend_start)
            FROM pg_stat_activity WHERE pid = $1
            """,
            connection);
        command.Parameters.AddWithValue(pid);
        return await command.ExecuteScalarAsync(cancellationToken) as string ?? $"pid {pid}";
    }

    public static async Task<bool> TerminateAsync(
        NpgsqlConnection connection, int pid, DateTime backendStart, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2", connection);
        command.Parameters.AddWithValue(pid);
        command.Parameters.AddWithValue(backendStart);
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private static SlotRow ReadSlot(NpgsqlDataReader reader, int first) => new()
    {
        IsOurs = reader.GetBoolean(first),
        IsTemporary = reader.GetBoolean(first + 1),
        IsLost = reader.GetBoolean(first + 2),
        ActivePid = reader.IsDBNull(first + 3) ? null : reader.GetInt32(first + 3),
        ConfirmedFlush = Lsn.Parse(reader.GetString(first + 4)),
        RetainedBytes = reader.GetInt64(first + 5),
        SafeBytes = reader.IsDBNull(first + 6) ? null : reader.GetInt64(first + 6),
    };
}
