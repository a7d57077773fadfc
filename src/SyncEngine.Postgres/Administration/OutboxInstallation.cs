using System.Runtime.CompilerServices;
using Dapper;
using Npgsql;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>
/// The needs of the outbox in its database: its two tables, the function and the trigger that wake the engine, its tables in schema
/// <c>sync</c>.
/// </summary>
/// <remarks>
/// An existing object is left exactly as it is. Tables and functions of ours carry a comment, and only objects that carry it are removed.
/// Several nodes may install at once: an advisory lock keeps them apart.
/// </remarks>
/// <param name="isFixedRate">The outbox is read on a timer, so that no trigger is needed.</param>
/// <param name="usesHub">Some channels go to the hub, which keeps its messages in a table.</param>
public sealed class OutboxInstallation(
    NpgsqlDataSource dataSource, OutboxNames names, bool isFixedRate = false, bool usesHub = true) : IInstallation
{
    /// <summary>The beginning of our comments; sql/outbox sets them.</summary>
    private const string Mark = "SyncEngine: ";

    internal const string HubTable = "channel_messages";

    private readonly string function = Quoting.Identifier(names.Schema, names.NotifyFunction);

    /// <summary>The tables in schema sync, and what the engine does with them.</summary>
    internal static IReadOnlyList<(string Table, string Script, string[] Privileges)> SyncTables { get; } =
    [
        ("outbox_progress", "outbox/progress.sql", ["SELECT", "INSERT", "UPDATE"]),
        ("dead_letters", "outbox/dead_letters.sql", ["SELECT", "INSERT", "DELETE"]),
        (HubTable, "outbox/channel_messages.sql", ["SELECT", "INSERT", "DELETE"]),
    ];

    public IAsyncEnumerable<Finding> CheckAsync(CancellationToken cancellationToken) =>
        new OutboxCheck(dataSource, names, isFixedRate, usesHub).RunAsync(cancellationToken);

    public async IAsyncEnumerable<Finding> InstallAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Func<CancellationToken, Task<IReadOnlyList<Finding>>>[] steps = [EnsureOutboxAsync, EnsureNodesAsync, EnsureSyncTablesAsync];
        foreach (var ensure in steps)
        {
            foreach (var finding in await ensure(cancellationToken))
            {
                yield return finding;
            }
        }
    }

    /// <summary>The outbox table and, unless it is read on a timer, its notify function and trigger.</summary>
    public Task<IReadOnlyList<Finding>> EnsureOutboxAsync(CancellationToken cancellationToken) => LockedAsync(
        async connection =>
        {
            List<Finding> findings = [await EnsureTableAsync(connection, names.Schema, names.Table, "outbox/outbox.sql", cancellationToken)];
            if (!isFixedRate)
            {
                findings.AddRange(await EnsureTriggerAsync(connection, cancellationToken));
            }

            return findings;
        },
        cancellationToken);

    public Task<IReadOnlyList<Finding>> EnsureNodesAsync(CancellationToken cancellationToken) => LockedAsync(
        async connection => [await EnsureTableAsync(connection, names.NodesSchema, names.NodesTable, "outbox/nodes.sql", cancellationToken)],
        cancellationToken);

    /// <summary>The tables of the engine beside the outbox.</summary>
    public Task<IReadOnlyList<Finding>> EnsureSyncTablesAsync(CancellationToken cancellationToken) => LockedAsync(
        async connection =>
        {
            if (!await connection.ExecuteScalarAsync<bool>(
                new CommandDefinition("SELECT to_regnamespace('sync') IS NOT NULL", cancellationToken: cancellationToken)))
            {
                await connection.ExecuteAsync(new CommandDefinition(
                    SqlScripts.Read("sync/schema.sql"), cancellationToken: cancellationToken));
            }

            var findings = new List<Finding>();
            foreach (var (table, script, _) in SyncTables)
            {
                findings.Add(await EnsureTableAsync(connection, "sync", table, script, cancellationToken));
            }

            return findings;
        },
        cancellationToken);

    public async IAsyncEnumerable<Finding> UninstallAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var finding in await LockedAsync(connection => RemoveAsync(connection, cancellationToken), cancellationToken))
        {
            yield return finding;
        }
    }

    private async Task<IReadOnlyList<Finding>> LockedAsync(
        Func<NpgsqlConnection, Task<IReadOnlyList<Finding>>> run, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        // The lock of the helpers: they make schema sync, too.
        await connection.ExecuteAsync(new CommandDefinition(
            "SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock(hashtext('sync helpers'))", cancellationToken: cancellationToken));
        var findings = await run(connection);
        await transaction.CommitAsync(cancellationToken);
        return findings;
    }

    private async Task<Finding> EnsureTableAsync(
        NpgsqlConnection connection, string schema, string table, string script, CancellationToken cancellationToken)
    {
        if (await TableShape.ReadAsync(connection, schema, table, cancellationToken) is not null)
        {
            return new Finding(FindingKind.Good, $"table {Quoting.Identifier(schema, table)} exists");
        }

        await RunAsync(connection, script, cancellationToken);
        return new Finding(FindingKind.Done, $"table {Quoting.Identifier(schema, table)} created");
    }

    private async Task<IReadOnlyList<Finding>> EnsureTriggerAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var triggers = await TableShape.WakingTriggersAsync(connection, names, cancellationToken);
        if (triggers.Count > 0)
        {
            return
            [
                triggers[0].Fires
                    ? new Finding(FindingKind.Good, $"trigger {Quoting.Identifier(triggers[0].Name)} exists")
                    : new Finding(
                        FindingKind.Note,
                        $"trigger {Quoting.Identifier(triggers[0].Name)} is disabled and left so",
                        OutboxCheck.EnableTrigger(names, triggers[0])),
            ];
        }

        var findings = new List<Finding>();
        if (await FunctionAsync(connection, cancellationToken) is null)
        {
            await RunAsync(connection, "outbox/notify.sql", cancellationToken);
            findings.Add(new Finding(FindingKind.Done, $"function {function} created"));
        }

        await RunAsync(connection, "outbox/trigger.sql", cancellationToken);
        findings.Add(new Finding(FindingKind.Done, $"trigger {Quoting.Identifier(names.Trigger)} created"));
        return findings;
    }

    private Task RunAsync(NpgsqlConnection connection, string script, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(SqlScripts.Read(script, names.Variables), cancellationToken: cancellationToken));

    /// <returns>Null when there is no such function; else whether it is ours.</returns>
    private Task<bool?> FunctionAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool?>(new CommandDefinition(
            """
            SELECT starts_with(coalesce(obj_description(f.oid, 'pg_proc'), ''), @Mark)
            FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
            WHERE n.nspname = @Schema AND f.proname = @NotifyFunction AND f.pronargs = 0
            """,
            new { Mark, names.Schema, names.NotifyFunction },
            cancellationToken: cancellationToken));

    private async Task<IReadOnlyList<Finding>> RemoveAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // Checked before anything is locked, so that a node at work does not wait; then again, as it may have changed meanwhile.
        if (await UseAsync(connection, cancellationToken) is { Count: > 0 } use)
        {
            return use;
        }

        await LockTablesAsync(connection, cancellationToken);
        if (await UseAsync(connection, cancellationToken) is { Count: > 0 } late)
        {
            return late;
        }

        var findings = new List<Finding>
        {
            await RemoveFunctionAsync(connection, cancellationToken),
            await RemoveTableAsync(connection, names.Schema, names.Table, "false", "", cancellationToken),
            await RemoveTableAsync(connection, names.NodesSchema, names.NodesTable, "false", "", cancellationToken),
        };
        if (await TableShape.ReadAsync(connection, "sync", "outbox_progress", cancellationToken) is not null)
        {
            await connection.ExecuteAsync(new CommandDefinition(
                "DELETE FROM sync.outbox_progress WHERE outbox = @Outbox", new { names.Outbox }, cancellationToken: cancellationToken));
        }

        foreach (var (table, reason) in ((string, string)[])[("dead_letters", "it holds dead letters"), (
            "outbox_progress", "other outboxes use it")])
        {
            findings.Add(await RemoveTableAsync(connection, "sync", table, "true", reason, cancellationToken));
        }

        // The hub's messages expire soon; but another outbox may use the table.
        var isShared = await TableShape.ReadAsync(connection, "sync", "outbox_progress", cancellationToken) is not null;
        findings.Add(isShared
            ? new Finding(FindingKind.Note, "table \"sync\".\"channel_messages\" is kept: other outboxes use it")
            : await RemoveTableAsync(connection, "sync", "channel_messages", "false", "", cancellationToken));
        await connection.ExecuteAsync(new CommandDefinition(
            """
            DO $$
            BEGIN
                IF to_regnamespace('sync') IS NOT NULL THEN DROP SCHEMA sync RESTRICT; END IF;
            EXCEPTION WHEN dependent_objects_still_exist THEN NULL; -- the engine's helpers are removed by themselves
            END
            $$
            """,
            cancellationToken: cancellationToken));
        return findings;
    }

    /// <summary>
    /// The reasons against removing the outbox: a node that lives, or rows that would be lost. Empty when all may be removed.
    /// </summary>
    private async Task<IReadOnlyList<Finding>> UseAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        var nodes = await TableShape.ReadAsync(connection, names.NodesSchema, names.NodesTable, cancellationToken);
        if (nodes?.Column("expiry") is not null
            && await CountAsync(
                connection, $"{names.Nodes} WHERE expiry > now() AT TIME ZONE 'UTC'", cancellationToken) is > 0 and var living)
        {
            findings.Add(new Finding(
                FindingKind.Missing,
                $"the outbox {names.Outbox} is kept with all that belongs to it: "
                    + $"{Several(living, "node lives", "nodes live")} in {names.Nodes}; stop every engine that publishes it, "
                    + "then run uninstall again"));
        }

        var outbox = await TableShape.ReadAsync(connection, names.Schema, names.Table, cancellationToken);
        var isWaiting = outbox?.Column("processed") is null ? "true" : "NOT processed";
        if (outbox is not null
            && await CountAsync(connection, $"{names.Outbox} WHERE {isWaiting}", cancellationToken) is > 0 and var waiting)
        {
            findings.Add(new Finding(
                FindingKind.Missing,
                $"the outbox {names.Outbox} is kept with all that belongs to it: "
                    + $"{Several(waiting, "row has", "rows have")} not been published; let an engine publish them, stop it, "
                    + "then run uninstall again"));
        }

        return findings;
    }

    private static string Several(long count, string one, string more) => count == 1 ? $"1 {one}" : $"{count} {more}";

    private static Task<long> CountAsync(NpgsqlConnection connection, string rows, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long>(new CommandDefinition($"SELECT count(*) FROM {rows}", cancellationToken: cancellationToken));

    /// <summary>From here on no node begins and no row comes.</summary>
    private async Task LockTablesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        foreach (var (schema, table) in ((string, string)[])[(names.Schema, names.Table), (names.NodesSchema, names.NodesTable)])
        {
            if (IsOurs(await TableShape.ReadAsync(connection, schema, table, cancellationToken)))
            {
                await connection.ExecuteAsync(new CommandDefinition(
                    $"LOCK TABLE {Quoting.Identifier(schema, table)} IN ACCESS EXCLUSIVE MODE", cancellationToken: cancellationToken));
            }
        }
    }

    private static bool IsOurs(TableShape? shape) => shape?.Mark?.StartsWith(Mark, StringComparison.Ordinal) == true;

    /// <summary>The function with the triggers that call it.</summary>
    private async Task<Finding> RemoveFunctionAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        switch (await FunctionAsync(connection, cancellationToken))
        {
            case null:
                return new Finding(FindingKind.Good, $"function {function} not there");
            case false:
                return new Finding(FindingKind.Note, $"function {function} and its trigger are kept: they are not ours");
            default:
                await connection.ExecuteAsync(new CommandDefinition(
                    $"DROP FUNCTION {function}() CASCADE", cancellationToken: cancellationToken));
                return new Finding(FindingKind.Done, $"function {function} and its trigger removed");
        }
    }

    private static async Task<Finding> RemoveTableAsync(
        NpgsqlConnection connection, string schema, string table, string inUse, string reason, CancellationToken cancellationToken)
    {
        var quoted = Quoting.Identifier(schema, table);
        switch (await TableShape.ReadAsync(connection, schema, table, cancellationToken))
        {
            case null:
                return new Finding(FindingKind.Good, $"table {quoted} not there");
            case var shape when !IsOurs(shape):
                return new Finding(FindingKind.Note, $"table {quoted} is kept: it is not ours");
            default:
                await connection.ExecuteAsync(new CommandDefinition(
                    $"LOCK TABLE {quoted} IN ACCESS EXCLUSIVE MODE", cancellationToken: cancellationToken));
                if (await connection.ExecuteScalarAsync<bool>(
                    new CommandDefinition($"SELECT EXISTS (SELECT FROM {quoted} WHERE {inUse})", cancellationToken: cancellationToken)))
                {
                    return new Finding(FindingKind.Note, $"table {quoted} is kept: {reason}");
                }

                await connection.ExecuteAsync(new CommandDefinition($"DROP TABLE {quoted}", cancellationToken: cancellationToken));
                return new Finding(FindingKind.Done, $"table {quoted} removed");
        }
    }
}
