using Dapper;
using Npgsql;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Postgres.Administration;

/// <summary>A column as the catalog has it.</summary>
/// <param name="Type">Name of the type, without its modifier.</param>
sealed record TableColumn(string Name, string Type);

/// <summary>A trigger that wakes the engine.</summary>
/// <param name="Enabled">pg_trigger.tgenabled: O and A fire, D does not, R on replicas alone.</param>
sealed record WakingTrigger(string Name, string Enabled)
{
    public bool Fires => Enabled is "O" or "A";
}

/// <summary>The kind and the columns of a table, and the privileges of this role on it.</summary>
/// <param name="Privileges">Those of SELECT, INSERT, UPDATE and DELETE that the role has.</param>
/// <param name="Mark">The table's comment.</param>
sealed record TableShape(
    uint Oid, string Kind, bool MayUseSchema, IReadOnlyList<string> Privileges, string? Mark, IReadOnlyList<TableColumn> Columns)
{
    public bool May(params IEnumerable<string> privileges) =>
        MayUseSchema && privileges.All(privilege => Privileges.Contains(privilege, StringComparer.Ordinal));

    public TableColumn? Column(string name) => Columns.FirstOrDefault(column => column.Name == name);

    /// <returns>Null when there is no such table.</returns>
    public static async Task<TableShape?> ReadAsync(
        NpgsqlConnection connection, string schema, string table, CancellationToken cancellationToken)
    {
        var row = await connection.QuerySingleOrDefaultAsync<ShapeRow>(new CommandDefinition(
            """
            SELECT c.oid AS "Oid", c.relkind::text AS "Kind", has_schema_privilege(n.oid, 'USAGE') AS "MayUseSchema",
                obj_description(c.oid, 'pg_class') AS "Mark",
                ARRAY(SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p
                    WHERE has_table_privilege(c.oid, p)) AS "Privileges"
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = @schema AND c.relname = @table AND c.relkind IN ('r', 'p', 'v', 'f', 'm')
            """,
            new { schema, table },
            cancellationToken: cancellationToken));
        if (row is null)
        {
            return null;
        }

        var columns = await connection.QueryAsync<ColumnRow>(new CommandDefinition(
            """
            SELECT attname::text AS "Name", format_type(atttypid, NULL) AS "Type"
            FROM pg_attribute WHERE attrelid = @oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
            """,
            new { oid = (long)row.Oid },
            cancellationToken: cancellationToken));
        return new TableShape(
            row.Oid,
            row.Kind,
            row.MayUseSchema,
            row.Privileges,
            row.Mark,
            [.. columns.Select(column => new TableColumn(column.Name, column.Type))]);
    }

    /// <summary>
    /// The triggers that notify when rows are inserted. Known by their function, for their names differ from version to version.
    /// </summary>
    public static async Task<IReadOnlyList<WakingTrigger>> WakingTriggersAsync(
        NpgsqlConnection connection, OutboxNames names, CancellationToken cancellationToken)
    {
        // tgtype & 4: INSERT.
        var rows = await connection.QueryAsync<(string Name, string Enabled)>(new CommandDefinition(
            """
            SELECT t.tgname::text, t.tgenabled::text
            FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                JOIN pg_proc f ON f.oid = t.tgfoid JOIN pg_namespace fn ON fn.oid = f.pronamespace
            WHERE n.nspname = @Schema AND c.relname = @Table AND NOT t.tgisinternal AND t.tgtype & 4 <> 0
                AND ((fn.nspname = @Schema AND f.proname = @NotifyFunction) OR f.prosrc LIKE '%ably\_adbc%')
            ORDER BY t.tgenabled IN ('O', 'A') DESC, t.tgname
            """,
            new { names.Schema, names.Table, names.NotifyFunction },
            cancellationToken: cancellationToken));
        return [.. rows.Select(row => new WakingTrigger(row.Name, row.Enabled))];
    }

    private sealed record ShapeRow
    {
        public uint Oid { get; init; }

        public required string Kind { get; init; }

        public bool MayUseSchema { get; init; }

        public string? Mark { get; init; }

        public string[] Privileges { get; init; } = [];
    }

    private sealed record ColumnRow
    {
        public required string Name { get; init; }

        public required string Type { get; init; }
    }
}
