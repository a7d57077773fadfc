using System.Runtime.CompilerServices;
using Dapper;
using Npgsql;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>
/// Compares an outbox with the needs of the engine: a line for each table, column, privilege and trigger, with the SQL that repairs it.
/// </summary>
sealed class OutboxCheck(NpgsqlDataSource dataSource, OutboxNames names, bool isFixedRate, bool usesHub)
{
    private static readonly string[] texts = ["text", "character varying"];

    /// <summary>Columns with the types that do; the first is what we would make.</summary>
    private static readonly (string Name, string[] Types)[] outboxColumns =
    [
        ("sequence_id", ["bigint", "integer", "smallint"]),
        ("mutation_id", texts),
        ("channel", texts),
        ("name", texts),
        ("rejected", ["boolean"]),
        ("data", ["jsonb", "json"]),
        ("headers", ["jsonb", "json"]),
        ("locked_by", texts),
        ("lock_expiry", ["timestamp without time zone"]),
    ];

    private static readonly (string Name, string[] Types)[] nodesColumns = [("id", texts), ("expiry", ["timestamp without time zone"])];

    public static string EnableTrigger(OutboxNames names, WakingTrigger trigger) =>
        $"ALTER TABLE {names.Outbox} ENABLE TRIGGER {Quoting.Identifier(trigger.Name)}";

    public async IAsyncEnumerable<Finding> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        if (connection.PostgreSqlVersion.Major < 14)
        {
            yield return new Finding(
                FindingKind.Missing, $"PostgreSQL {connection.PostgreSqlVersion} is too old for the outbox; 14 to 18 are supported");
        }

        var user = await connection.ExecuteScalarAsync<string>(new CommandDefinition(
            "SELECT current_user::text", cancellationToken: cancellationToken));
        var role = Quoting.Identifier(user!);
        var outbox = await TableShape.ReadAsync(connection, names.Schema, names.Table, cancellationToken);
        var nodes = await TableShape.ReadAsync(connection, names.NodesSchema, names.NodesTable, cancellationToken);
        var sequence = outbox is null ? null : await SequenceAsync(connection, cancellationToken);
        var memory = await SyncTablesAsync(connection, role, cancellationToken);
        var (outlook, isReduced) = Outlook(outbox, nodes, sequence, memory.All(finding => finding.Kind == FindingKind.Good));

        foreach (var finding in Table(outbox, names.Schema, names.Table, outboxColumns, role, ["SELECT", "UPDATE", "DELETE"], isReduced))
        {
            yield return finding;
        }

        if (outbox is not null)
        {
            foreach (var finding in Extras(outbox, sequence, role, isReduced).Concat(await TriggerAsync(connection, cancellationToken)))
            {
                yield return finding;
            }
        }

        foreach (var finding in Table(
            nodes, names.NodesSchema, names.NodesTable, nodesColumns, role, ["SELECT", "INSERT", "UPDATE", "DELETE"], isReduced))
        {
            yield return finding;
        }

        foreach (var finding in memory)
        {
            yield return isReduced && finding.Kind == FindingKind.Missing ? finding with { Kind = FindingKind.Note } : finding;
        }

        yield return outlook;
    }

    /// <summary>The mode in which it will run, by the rules of <see cref="OutboxShape"/>.</summary>
    private static (Finding Finding, bool IsReduced) Outlook(TableShape? outbox, TableShape? nodes, SequenceRow? sequence, bool hasMemory)
    {
        if (outbox?.May("SELECT", "DELETE") != true)
        {
            return (new Finding(FindingKind.Missing, "the outbox cannot run: it needs its table, with SELECT and DELETE at least"), false);
        }

        if (!outbox.May("UPDATE"))
        {
            return (
                new Finding(
                    FindingKind.Note,
                    "the outbox runs in its reduced mode (SELECT and DELETE alone): one node, "
                        + "late rows are waited for instead of renumbered"),
                true);
        }

        if (nodes is null)
        {
            return (
                new Finding(
                    FindingKind.Missing,
                    "the outbox cannot run: it needs the nodes table (or, for its reduced mode, no UPDATE on the outbox)"),
                false);
        }

        if (!nodes.May("SELECT", "INSERT", "UPDATE", "DELETE"))
        {
            return (
                new Finding(
                    FindingKind.Note,
                    "the outbox runs in its reduced mode for want of privileges on the nodes table: one node, "
                        + "late rows are waited for instead of renumbered"),
                false);
        }

        return (
            sequence is { IsAlways: true } ? new Finding(
                FindingKind.Note, "the outbox runs in full, but late rows keep their ids: sequence_id is GENERATED ALWAYS")
            : sequence is not { MayDraw: true } ? new Finding(
                FindingKind.Note, "the outbox runs in full, but late rows keep their ids: nothing may be drawn from the sequence")
            : !hasMemory ? new Finding(
                FindingKind.Note,
                "the outbox runs in full, but remembers its numbers in memory only: after a restart a recreated table may repeat ids, "
                    + "and a refused row blocks its channel; run the command \"setup\"")
            : new Finding(FindingKind.Good, "the outbox runs in full: any number of nodes, late rows renumbered"),
            false);
    }

    /// <summary>
    /// Findings on a table, its columns and the privileges. In the reduced mode a privilege that it does not need is a note.
    /// </summary>
    private static IEnumerable<Finding> Table(
        TableShape? shape, string schema, string table, (string Name, string[] Types)[] columns, string role, string[] privileges,
        bool isReduced)
    {
        var quoted = Quoting.Identifier(schema, table);
        var lacking = isReduced ? FindingKind.Note : FindingKind.Missing;
        if (shape is null)
        {
            yield return new Finding(lacking, $"table {quoted} does not exist", Create(quoted, columns));
            yield break;
        }

        if (shape.Kind is not ("r" or "p"))
        {
            yield return new Finding(FindingKind.Missing, $"{quoted} is a view or a foreign table; the outbox needs a table");
        }

        var wrong = columns.SelectMany(column => Column(shape.Column(column.Name), quoted, column.Name, column.Types)).ToList();
        yield return wrong.Count == 0 ? new Finding(FindingKind.Good, $"table {quoted} exists with its columns") : wrong[0];
        foreach (var further in wrong.Skip(1))
        {
            yield return further;
        }

        if (!shape.MayUseSchema)
        {
            yield return new Finding(
                FindingKind.Missing,
                $"role {role} may not use schema {Quoting.Identifier(schema)}",
                $"GRANT USAGE ON SCHEMA {Quoting.Identifier(schema)} TO {role}");
        }

        var missing = privileges.Except(shape.Privileges, StringComparer.Ordinal).ToList();
        yield return missing.Count == 0
            ? new Finding(FindingKind.Good, $"role {role} has {string.Join(", ", privileges)} on {quoted}")
            : new Finding(
                lacking,
                $"role {role} lacks {string.Join(", ", missing)} on {quoted}",
                $"GRANT {string.Join(", ", missing)} ON {quoted} TO {role}");
    }

    private static IEnumerable<Finding> Column(TableColumn? column, string table, string name, string[] types)
    {
        if (column is null)
        {
            yield return new Finding(
                FindingKind.Missing, $"table {table} has no column {name}", $"ALTER TABLE {table} ADD COLUMN {name} {types[0]}");
        }
        else if (!types.Contains(column.Type, StringComparer.Ordinal))
        {
            yield return new Finding(
                FindingKind.Missing,
                $"column {name} of {table} is {column.Type}, not {types[0]}",
                $"ALTER TABLE {table} ALTER COLUMN {name} TYPE {types[0]} USING {name}::{types[0]}");
        }
    }

    private static string Create(string quoted, (string Name, string[] Types)[] columns) => columns == nodesColumns
        ? $"CREATE TABLE {quoted} (id text PRIMARY KEY, expiry timestamp without time zone NOT NULL)"
        : $"CREATE TABLE {quoted} (sequence_id bigserial PRIMARY KEY, mutation_id text NOT NULL, channel text NOT NULL, "
            + "name text NOT NULL, rejected boolean NOT NULL DEFAULT false, "
            + "data jsonb, headers jsonb, locked_by text, lock_expiry timestamp without time zone, "
            + "processed boolean NOT NULL DEFAULT false)";

    /// <summary>Objects that are worth having, or that only parts of the engine need.</summary>
    private IEnumerable<Finding> Extras(TableShape outbox, SequenceRow? sequence, string role, bool isReduced)
    {
        if (outbox.Column("processed") is not { Type: "boolean" })
        {
            yield return new Finding(
                FindingKind.Note,
                $"table {names.Outbox} has no column processed: the last row is deleted when it is published",
                $"ALTER TABLE {names.Outbox} ADD COLUMN processed boolean NOT NULL DEFAULT false");
        }

        if (!outbox.May("INSERT"))
        {
            yield return new Finding(
                FindingKind.Note,
                $"role {role} lacks INSERT on {names.Outbox}, which replay-dead-letters needs",
                $"GRANT INSERT ON {names.Outbox} TO {role}");
        }

        if (sequence is null)
        {
            yield return new Finding(
                isReduced ? FindingKind.Note : FindingKind.Missing,
                $"column sequence_id of {names.Outbox} has no sequence of its own: late rows cannot be renumbered");
        }
        else if (sequence.IsAlways)
        {
            yield return new Finding(
                FindingKind.Note,
                $"column sequence_id of {names.Outbox} is GENERATED ALWAYS: late rows cannot be renumbered and keep their ids",
                $"ALTER TABLE {names.Outbox} ALTER COLUMN sequence_id SET GENERATED BY DEFAULT");
        }

        if (sequence is { MayDraw: false })
        {
            yield return new Finding(
                isReduced ? FindingKind.Note : FindingKind.Missing,
                $"role {role} lacks USAGE on sequence {sequence.Name}",
                $"GRANT USAGE, SELECT, UPDATE ON SEQUENCE {sequence.Name} TO {role}");
        }
        else if (sequence is { MaySet: false })
        {
            yield return new Finding(
                FindingKind.Note,
                $"role {role} lacks SELECT or UPDATE on sequence {sequence.Name}: "
                    + "it cannot be moved past published ids when the table is recreated",
                $"GRANT SELECT, UPDATE ON SEQUENCE {sequence.Name} TO {role}");
        }
        else if (sequence is not null)
        {
            yield return new Finding(FindingKind.Good, $"role {role} has USAGE, SELECT and UPDATE on sequence {sequence.Name}");
        }
    }

    private async Task<IEnumerable<Finding>> TriggerAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (isFixedRate)
        {
            return [new Finding(FindingKind.Good, "the outbox is read at a fixed rate and needs no trigger")];
        }

        return await TableShape.WakingTriggersAsync(connection, names, cancellationToken) switch
        {
            [] =>
                [new Finding(
                    FindingKind.Missing,
                    $"no trigger of {names.Outbox} wakes the engine: rows wait for the safety poll; "
                        + "run the command \"setup\" (sql/outbox/notify.sql, trigger.sql)")],
            [{ Fires: true } trigger, ..] =>
                [new Finding(FindingKind.Good, $"trigger {Quoting.Identifier(trigger.Name)} wakes the engine")],
            [var trigger, ..] =>
                [new Finding(
                    FindingKind.Missing,
                    $"trigger {Quoting.Identifier(trigger.Name)} is disabled: rows wait for the safety poll",
                    EnableTrigger(names, trigger))],
        };
    }

    private async Task<List<Finding>> SyncTablesAsync(NpgsqlConnection connection, string role, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        foreach (var (table, _, privileges) in OutboxInstallation.SyncTables.Where(
            kept => usesHub || kept.Table != OutboxInstallation.HubTable))
        {
            if (await TableShape.ReadAsync(connection, "sync", table, cancellationToken) is not { } shape)
            {
                findings.Add(new Finding(
                    FindingKind.Missing, $"table sync.{table} does not exist; run the command \"setup\" (sql/outbox)"));
            }
            else if (!shape.May(privileges))
            {
                var missing = string.Join(
                    ", ", privileges.Except(shape.Privileges, StringComparer.Ordinal).DefaultIfEmpty("USAGE of its schema"));
                findings.Add(new Finding(
                    FindingKind.Missing,
                    $"role {role} lacks {missing} on sync.{table}",
                    $"GRANT USAGE ON SCHEMA sync TO {role}; GRANT {string.Join(", ", privileges)} ON sync.{table} TO {role}"));
            }
            else
            {
                findings.Add(new Finding(FindingKind.Good, $"table sync.{table} exists"));
            }
        }

        return findings;
    }

    private Task<SequenceRow?> SequenceAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<SequenceRow>(new CommandDefinition(
            """
            SELECT s.oid::regclass::text AS "Name", has_sequence_privilege(s.oid, 'USAGE') AS "MayDraw",
                has_sequence_privilege(s.oid, 'SELECT') AND has_sequence_privilege(s.oid, 'UPDATE') AS "MaySet",
                a.attidentity = 'a' AS "IsAlways"
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'sequence_id'
                JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                    AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i')
                JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
            WHERE n.nspname = @Schema AND c.relname = @Table
            LIMIT 1
            """,
            new { names.Schema, names.Table },
            cancellationToken: cancellationToken));

    private sealed record SequenceRow
    {
        public required string Name { get; init; }

        public bool MayDraw { get; init; }

        public bool MaySet { get; init; }

        /// <summary>An UPDATE of the column is refused.</summary>
        public bool IsAlways { get; init; }
    }
}
