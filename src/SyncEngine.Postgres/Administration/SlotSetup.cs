using Dapper;
using Npgsql;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>Checks, creates and drops the persistent replication slot.</summary>
sealed class SlotSetup(string slotName)
{
    private const int CreationTimeoutSeconds = 30;

    private string Subject => $"replication slot \"{slotName}\"";

    private string IsNotOurs => $"{Subject} is another database's or of another plugin; choose another SyncEngine:Replication:SlotName";

    public async Task<Finding> CheckAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var drop = $"SELECT pg_drop_replication_slot({Quoting.Literal(slotName)})";
        var create = $"SELECT pg_create_logical_replication_slot({Quoting.Literal(slotName)}, 'pgoutput')";
        return await FindAsync(connection, cancellationToken) switch
        {
            null => new Finding(FindingKind.Missing, $"{Subject} does not exist", create),
            { IsOurs: false } => new Finding(FindingKind.Missing, IsNotOurs, drop),
            { WalStatus: "lost" } =>
                new Finding(FindingKind.Missing, $"{Subject} has lost its WAL (max_slot_wal_keep_size)", $"{drop}; {create}"),
            { } slot => new Finding(
                FindingKind.Good,
                $"{Subject} exists, {(slot.IsActive ? "in use" : "not in use")}, holding back {slot.RetainedBytes} bytes of WAL"),
        };
    }

    public async Task<Finding> InstallAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        switch (await FindAsync(connection, cancellationToken))
        {
            case { IsOurs: false }:
                throw new OperatorException(IsNotOurs);
            case { WalStatus: "lost" }:
                await DropAsync(connection, cancellationToken);
                break;
            case not null:
                return new Finding(FindingKind.Good, $"{Subject} exists");
        }

        try
        {
            // It waits for every transaction that is running.
            await connection.ExecuteAsync(new CommandDefinition(
                "SELECT pg_create_logical_replication_slot(@slotName, 'pgoutput')",
                new { slotName },
                commandTimeout: CreationTimeoutSeconds,
                cancellationToken: cancellationToken));
        }
        catch (NpgsqlException exception) when (exception.InnerException is TimeoutException)
        {
            throw new OperatorException(
                $"{Subject} waits for a transaction that does not end; find it with "
                    + "SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY xact_start, end it, and run setup again",
                exception);
        }

        return new Finding(FindingKind.Done, $"{Subject} created");
    }

    public async Task<Finding> UninstallAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await FindAsync(connection, cancellationToken) is not { IsOurs: true })
        {
            return Finding.Removed(Subject, existed: false);
        }

        try
        {
            await DropAsync(connection, cancellationToken);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.ObjectInUse)
        {
            throw new OperatorException($"{Subject} is in use; stop the engine that reads it, then run uninstall again", exception);
        }

        return Finding.Removed(Subject, existed: true);
    }

    private Task DropAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            "SELECT pg_drop_replication_slot(@slotName)", new { slotName }, cancellationToken: cancellationToken));

    private Task<SlotState?> FindAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<SlotState>(new CommandDefinition(
            """
            SELECT plugin = 'pgoutput' AND database = current_database() AS "IsOurs", active AS "IsActive", wal_status AS "WalStatus",
                CASE WHEN pg_is_in_recovery() THEN 0
                    ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0) END::bigint AS "RetainedBytes"
            FROM pg_replication_slots WHERE slot_name = @slotName
            """,
            new { slotName },
            cancellationToken: cancellationToken));

    private sealed record SlotState
    {
        public bool IsOurs { get; init; }

        public bool IsActive { get; init; }

        public string? WalStatus { get; init; }

        public long RetainedBytes { get; init; }
    }
}
