using System.Globalization;
using System.Runtime.CompilerServices;
using Dapper;
using Npgsql;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>What the engine itself needs in a database: publication, slot, and the objects of schema <c>sync</c>.</summary>
/// <param name="outbox">An outbox in the same database. Live queries over its tables are nobody's need, so that it is no fault when they are not published.</param>
public sealed class DatabaseInstallation(NpgsqlDataSource dataSource, ReplicationOptions options, OutboxNames? outbox = null) : IInstallation
{
    private const string EventTriggerNote = "DDL is found by reading the catalog every few seconds; a superuser's event trigger would tell at once";

    private readonly PublicationSetup publication = new(dataSource, options);

    public async IAsyncEnumerable<Finding> CheckAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var server = await ReadServerAsync(connection, cancellationToken);
        foreach (var finding in CheckServer(server, connection.PostgreSqlVersion))
        {
            yield return finding;
        }

        foreach (var finding in await CheckPublicationAsync(connection, cancellationToken))
        {
            yield return finding;
        }

        if (options.Slot == SlotKind.Persistent)
        {
            yield return await CheckSlotAsync(connection, cancellationToken);
        }

        yield return await CheckHelpersAsync(connection, cancellationToken);
        yield return await CheckEventTriggersAsync(connection, server.IsSuperuser, cancellationToken);
    }

    /// <summary>The part of the check without which nothing can stream: version, wal_level, slots, the role's attributes.</summary>
    public async Task<IReadOnlyList<Finding>> CheckServerAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        return [.. CheckServer(await ReadServerAsync(connection, cancellationToken), connection.PostgreSqlVersion)];
    }

    public async IAsyncEnumerable<Finding> InstallAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var finding in await InstallHelpersAsync(cancellationToken))
        {
            yield return finding;
        }

        var change = await publication.EnsureAsync(cancellationToken);
        yield return change.IsCreated
            ? new Finding(FindingKind.Done, $"publication \"{options.Publication}\" created")
            : new Finding(FindingKind.Good, $"publication \"{options.Publication}\" exists");
        foreach (var table in change.Added)
        {
            yield return new Finding(FindingKind.Done, $"table {table} added to publication \"{options.Publication}\"");
        }

        foreach (var leftOut in change.LeftOut)
        {
            yield return LeftOutFinding(leftOut) with { Kind = FindingKind.Note };
        }

        if (options.Slot == SlotKind.Persistent)
        {
            yield return await InstallSlotAsync(cancellationToken);
        }
    }

    public async IAsyncEnumerable<Finding> UninstallAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        yield return await DropSlotAsync(connection, cancellationToken);

        var hadPublication = await publication.FindAsync(connection, cancellationToken) is not null;
        await connection.ExecuteAsync(new CommandDefinition($"DROP PUBLICATION IF EXISTS {Quoting.Identifier(options.Publication)}", cancellationToken: cancellationToken));
        yield return Removed($"publication \"{options.Publication}\"", hadPublication);

        var hadHelpers = await CountHelpersAsync(connection, cancellationToken) > 0;
        await connection.ExecuteAsync(new CommandDefinition(
            """
            DROP EVENT TRIGGER IF EXISTS sync_ddl_end;
            DROP EVENT TRIGGER IF EXISTS sync_ddl_drop;
            DROP FUNCTION IF EXISTS sync.announce_ddl(), sync.ack(text), sync.reject(text, text);
            """,
            cancellationToken: cancellationToken));
        yield return Removed("helper functions and event triggers", hadHelpers);
        yield return await DropSchemaAsync(connection, cancellationToken);
    }

    /// <summary>Schema <c>sync</c> with its functions, and the event triggers where the role may create them.</summary>
    public async Task<IReadOnlyList<Finding>> InstallHelpersAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using (var transaction = await connection.BeginTransactionAsync(cancellationToken))
        {
            // CREATE OR REPLACE by two at once ends in "tuple concurrently updated".
            await connection.ExecuteAsync(new CommandDefinition("SELECT pg_advisory_xact_lock(hashtext('sync helpers'))", cancellationToken: cancellationToken));
            foreach (var script in (string[])["sync/schema.sql", "sync/ack.sql", "sync/reject.sql", "sync/announce_ddl.sql"])
            {
                await connection.ExecuteAsync(new CommandDefinition(SqlScripts.Read(script), cancellationToken: cancellationToken));
            }

            await transaction.CommitAsync(cancellationToken);
        }

        var functions = new Finding(FindingKind.Done, "functions sync.ack(id) and sync.reject(id, reason) are there");
        try
        {
            await connection.ExecuteAsync(new CommandDefinition(SqlScripts.Read("sync/ddl_triggers.sql"), cancellationToken: cancellationToken));
            return [functions, new Finding(FindingKind.Done, "event triggers sync_ddl_end and sync_ddl_drop are there")];
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return [functions, new Finding(FindingKind.Note, EventTriggerNote)];
        }
    }

    private static Task<ServerRow> ReadServerAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.QuerySingleAsync<ServerRow>(new CommandDefinition(
            """
            SELECT current_setting('wal_level') AS "WalLevel", pg_is_in_recovery() AS "IsStandby", current_user::text AS "User",
                current_setting('max_replication_slots')::int AS "MaxSlots", (SELECT count(*)::int FROM pg_replication_slots) AS "UsedSlots",
                current_setting('max_wal_senders')::int AS "MaxSenders", (SELECT count(*)::int FROM pg_stat_replication) AS "UsedSenders",
                rolsuper AS "IsSuperuser",
                rolsuper OR rolreplication OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'rds_replication' AND pg_has_role(r.oid, 'USAGE')) AS "MayReplicate",
                current_database()::text AS "Database"
            FROM pg_roles WHERE rolname = current_user
            """,
            cancellationToken: cancellationToken));

    private static IEnumerable<Finding> CheckServer(ServerRow server, Version version)
    {
        yield return version.Major switch
        {
            < 14 => new Finding(FindingKind.Missing, $"PostgreSQL {version} is too old; 14 to 18 are supported"),
            > 18 => new Finding(FindingKind.Note, $"PostgreSQL {version} is newer than 18, the newest that has been tested"),
            _ => new Finding(FindingKind.Good, $"PostgreSQL {version}, database \"{server.Database}\", role \"{server.User}\""),
        };
        yield return Check(!server.IsStandby, "the server is a primary", "the server is a standby; connect to its primary");
        yield return Check(server.WalLevel == "logical", "wal_level is logical", $"wal_level is {server.WalLevel} (an outbox alone does without: give its database as SyncEngine:Outbox:Database instead of DATABASE_URL); restart PostgreSQL after", "ALTER SYSTEM SET wal_level = 'logical'");
        yield return Check(
            server.UsedSlots < server.MaxSlots,
            $"replication slots: {server.UsedSlots} of {server.MaxSlots} used",
            $"no replication slot is free ({server.UsedSlots} of {server.MaxSlots} used); restart PostgreSQL after",
            $"ALTER SYSTEM SET max_replication_slots = {(server.MaxSlots + 10).ToString(CultureInfo.InvariantCulture)}");
        yield return Check(
            server.UsedSenders < server.MaxSenders,
            $"WAL senders: {server.UsedSenders} of {server.MaxSenders} used",
            $"no WAL sender is free ({server.UsedSenders} of {server.MaxSenders} used); restart PostgreSQL after",
            $"ALTER SYSTEM SET max_wal_senders = {(server.MaxSenders + 10).ToString(CultureInfo.InvariantCulture)}");
        yield return Check(
            server.MayReplicate,
            $"role \"{server.User}\" may replicate",
            $"role \"{server.User}\" may not replicate (on Amazon RDS: GRANT rds_replication)",
            $"ALTER ROLE {Quoting.Identifier(server.User)} REPLICATION");
    }

    private async Task<List<Finding>> CheckPublicationAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        var name = options.Publication;
        var existing = await publication.FindAsync(connection, cancellationToken);
        var (missing, leftOut, broken) = await publication.PlanAsync(connection, cancellationToken);
        if (existing is null)
        {
            var tables = missing.Count == 0 ? "" : " FOR TABLE " + string.Join(", ", missing.Select(table => $"ONLY {table.QuotedName}"));
            var generated = connection.PostgreSqlVersion.Major >= 18 ? ", publish_generated_columns = stored" : "";
            findings.Add(new Finding(
                FindingKind.Missing, $"publication \"{name}\" does not exist", $"CREATE PUBLICATION {Quoting.Identifier(name)}{tables} WITH (publish_via_partition_root = false{generated})"));
        }
        else
        {
            var wrong = existing.WrongSettings(name);
            findings.Add(Check(wrong is null, $"publication \"{name}\" exists", $"publication \"{name}\" leaves out changes", wrong));
            if (missing.Count > 0)
            {
                findings.AddRange(missing.Select(table => new Finding(
                    IsOfOutbox(table) ? FindingKind.Note : FindingKind.Missing, $"table {table} is not in publication \"{name}\"", $"ALTER PUBLICATION {Quoting.Identifier(name)} ADD TABLE ONLY {table.QuotedName}")));
            }

            findings.AddRange(await CheckFiltersAsync(connection, cancellationToken));
            findings.AddRange(broken.Select(table => new Finding(
                FindingKind.Missing, $"table {table.Table} is published and {table.Reason}: the application's UPDATE and DELETE on it fail", table.Mend)));
        }

        findings.AddRange(leftOut.Select(table => IsOfOutbox(table.Table) ? LeftOutFinding(table) with { Kind = FindingKind.Note } : LeftOutFinding(table)));
        return findings;
    }

    private bool IsOfOutbox(PublishedTable table) =>
        outbox is not null && ((table.Schema, table.Name) == (outbox.Schema, outbox.Table) || (table.Schema, table.Name) == (outbox.NodesSchema, outbox.NodesTable));

    /// <remarks>Row filters and column lists exist from 15 on.</remarks>
    private async Task<IEnumerable<Finding>> CheckFiltersAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (connection.PostgreSqlVersion.Major < 15)
        {
            return [];
        }

        var filtered = await connection.QueryAsync<(string Schema, string Name)>(new CommandDefinition(
            """
            SELECT n.nspname::text, c.relname::text
            FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE p.pubname = @Publication AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL)
            ORDER BY 1, 2
            """,
            new { options.Publication },
            cancellationToken: cancellationToken));
        var publicationName = Quoting.Identifier(options.Publication);
        return filtered.Select(table => new Finding(
            FindingKind.Missing,
            $"table {table.Schema}.{table.Name} is published with a row filter or a column list, which hides changes",
            $"ALTER PUBLICATION {publicationName} DROP TABLE ONLY {Quoting.Identifier(table.Schema, table.Name)}; ALTER PUBLICATION {publicationName} ADD TABLE ONLY {Quoting.Identifier(table.Schema, table.Name)}"));
    }

    private async Task<Finding> CheckSlotAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var drop = $"SELECT pg_drop_replication_slot({Quoting.Literal(options.SlotName)})";
        var create = $"SELECT pg_create_logical_replication_slot({Quoting.Literal(options.SlotName)}, 'pgoutput')";
        return await FindSlotAsync(connection, cancellationToken) switch
        {
            null => new Finding(FindingKind.Missing, $"replication slot \"{options.SlotName}\" does not exist", create),
            { IsOurs: false } => new Finding(FindingKind.Missing, $"replication slot \"{options.SlotName}\" is another database's or of another plugin; choose another SyncEngine:Replication:SlotName", drop),
            { WalStatus: "lost" } => new Finding(FindingKind.Missing, $"replication slot \"{options.SlotName}\" has lost its WAL (max_slot_wal_keep_size)", $"{drop}; {create}"),
            { } slot => new Finding(FindingKind.Good, $"replication slot \"{options.SlotName}\" exists, {(slot.IsActive ? "in use" : "not in use")}, holding back {slot.RetainedBytes} bytes of WAL"),
        };
    }

    private async Task<Finding> CheckHelpersAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var isThere = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "SELECT to_regprocedure('sync.ack(text)') IS NOT NULL AND to_regprocedure('sync.reject(text,text)') IS NOT NULL", cancellationToken: cancellationToken));
        return Check(isThere, "functions sync.ack and sync.reject exist", "functions sync.ack and sync.reject do not exist; run the command \"setup\" (sql/sync/*.sql)");
    }

    private static async Task<Finding> CheckEventTriggersAsync(NpgsqlConnection connection, bool isSuperuser, CancellationToken cancellationToken)
    {
        var count = await connection.ExecuteScalarAsync<int>(new CommandDefinition(
            "SELECT count(*)::int FROM pg_event_trigger WHERE evtname IN ('sync_ddl_end', 'sync_ddl_drop') AND evtenabled IN ('O', 'A')", cancellationToken: cancellationToken));
        return count == 2
            ? new Finding(FindingKind.Good, "event triggers for DDL exist")
            : isSuperuser
                ? new Finding(FindingKind.Missing, "event triggers for DDL do not exist or are disabled; run the command \"setup\" (sql/sync/ddl_triggers.sql)")
                : new Finding(FindingKind.Note, EventTriggerNote);
    }

    private async Task<Finding> InstallSlotAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        switch (await FindSlotAsync(connection, cancellationToken))
        {
            case { IsOurs: false }:
                throw new OperatorException($"replication slot \"{options.SlotName}\" is another database's or of another plugin; choose another SyncEngine:Replication:SlotName");
            case { WalStatus: "lost" }:
                await connection.ExecuteAsync(new CommandDefinition("SELECT pg_drop_replication_slot(@SlotName)", new { options.SlotName }, cancellationToken: cancellationToken));
                break;
            case not null:
                return new Finding(FindingKind.Good, $"replication slot \"{options.SlotName}\" exists");
        }

        try
        {
            // It waits for every transaction that is running.
            await connection.ExecuteAsync(new CommandDefinition(
                "SELECT pg_create_logical_replication_slot(@SlotName, 'pgoutput')", new { options.SlotName }, commandTimeout: 30, cancellationToken: cancellationToken));
        }
        catch (NpgsqlException exception) when (exception.InnerException is TimeoutException)
        {
            throw new OperatorException(
                $"replication slot \"{options.SlotName}\" waits for a transaction that does not end; find it with SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY xact_start, end it, and run setup again", exception);
        }

        return new Finding(FindingKind.Done, $"replication slot \"{options.SlotName}\" created");
    }

    private async Task<Finding> DropSlotAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var what = $"replication slot \"{options.SlotName}\"";
        var slot = await FindSlotAsync(connection, cancellationToken);
        if (slot is not { IsOurs: true })
        {
            return Removed(what, existed: false);
        }

        try
        {
            await connection.ExecuteAsync(new CommandDefinition("SELECT pg_drop_replication_slot(@SlotName)", new { options.SlotName }, cancellationToken: cancellationToken));
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.ObjectInUse)
        {
            throw new OperatorException($"{what} is in use; stop the engine that reads it, then run uninstall again", exception);
        }

        return Removed(what, existed: true);
    }

    /// <remarks>Other parts of the engine may keep data in the schema; what is not ours is left alone.</remarks>
    private static async Task<Finding> DropSchemaAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (!await connection.ExecuteScalarAsync<bool>(new CommandDefinition("SELECT to_regnamespace('sync') IS NOT NULL", cancellationToken: cancellationToken)))
        {
            return Removed("schema sync", existed: false);
        }

        try
        {
            await connection.ExecuteAsync(new CommandDefinition("DROP SCHEMA sync RESTRICT", cancellationToken: cancellationToken));
            return Removed("schema sync", existed: true);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.DependentObjectsStillExist)
        {
            return new Finding(FindingKind.Note, "schema sync is kept: it holds other objects");
        }
    }

    private Task<SlotRow?> FindSlotAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<SlotRow>(new CommandDefinition(
            """
            SELECT plugin = 'pgoutput' AND database = current_database() AS "IsOurs", active AS "IsActive", wal_status AS "WalStatus",
                CASE WHEN pg_is_in_recovery() THEN 0 ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0) END::bigint AS "RetainedBytes"
            FROM pg_replication_slots WHERE slot_name = @SlotName
            """,
            new { options.SlotName },
            cancellationToken: cancellationToken));

    private static Task<int> CountHelpersAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<int>(new CommandDefinition(
            """
            SELECT (SELECT count(*) FROM pg_event_trigger WHERE evtname IN ('sync_ddl_end', 'sync_ddl_drop'))::int
                + num_nonnulls(to_regprocedure('sync.announce_ddl()'), to_regprocedure('sync.ack(text)'), to_regprocedure('sync.reject(text,text)'))
            """,
            cancellationToken: cancellationToken));

    private static Finding Check(bool isGood, string good, string missing, string? mend = null) =>
        isGood ? new Finding(FindingKind.Good, good) : new Finding(FindingKind.Missing, missing, mend);

    private static Finding LeftOutFinding(LeftOutTable leftOut) => new(FindingKind.Missing, $"table {leftOut.Table} is left out: it {leftOut.Reason}", leftOut.Mend);

    private static Finding Removed(string what, bool existed) =>
        existed ? new Finding(FindingKind.Done, $"{what} removed") : new Finding(FindingKind.Good, $"{what} not there");

    private sealed record ServerRow
    {
        public required string WalLevel { get; init; }

        public bool IsStandby { get; init; }

        public required string User { get; init; }

        public required string Database { get; init; }

        public int MaxSlots { get; init; }

        public int UsedSlots { get; init; }

        public int MaxSenders { get; init; }

        public int UsedSenders { get; init; }

        public bool IsSuperuser { get; init; }

        public bool MayReplicate { get; init; }
    }

    private sealed record SlotRow
    {
        public bool IsOurs { get; init; }

        public bool IsActive { get; init; }

        public string? WalStatus { get; init; }

        public long RetainedBytes { get; init; }
    }
}
