using Dapper;
using Npgsql;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>Compares the publication with the tables that it should publish.</summary>
/// <param name="outbox">An outbox in the same database: it is no fault when its tables are not published.</param>
sealed class PublicationCheck(ReplicationOptions options, OutboxNames? outbox)
{
    private readonly string quotedName = Quoting.Identifier(options.Publication);

    public async Task<IReadOnlyList<Finding>> RunAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        var name = options.Publication;
        var existing = await PublicationSettings.FindAsync(connection, name, cancellationToken);
        var plan = await PublicationPlan.ReadAsync(connection, options, cancellationToken);
        if (existing is null)
        {
            var tables = plan.Missing.Count == 0 ? "" : " FOR TABLE " + PublishableTable.List(plan.Missing);
            findings.Add(new Finding(
                FindingKind.Missing,
                $"publication \"{name}\" does not exist",
                $"CREATE PUBLICATION {quotedName}{tables} WITH ({PublicationSettings.Wanted(connection)})"));
        }
        else
        {
            var repair = existing.Repair(name);
            findings.Add(Finding.Check(
                repair is null, $"publication \"{name}\" exists", $"publication \"{name}\" leaves out changes", repair));
            findings.AddRange(plan.Missing.Select(table => new Finding(
                IsOfOutbox(table) ? FindingKind.Note : FindingKind.Missing,
                $"table {table} is not in publication \"{name}\"",
                $"ALTER PUBLICATION {quotedName} ADD TABLE ONLY {table.QuotedName}")));
            findings.AddRange(await CheckFiltersAsync(connection, cancellationToken));
            findings.AddRange(plan.Broken.Select(table => new Finding(
                FindingKind.Missing,
                $"table {table.Table} is published and {table.Reason}: the application's UPDATE and DELETE on it fail",
                table.Repair)));
        }

        findings.AddRange(plan.LeftOut.Select(table => table.ToFinding(IsOfOutbox(table.Table) ? FindingKind.Note : FindingKind.Missing)));
        return findings;
    }

    private bool IsOfOutbox(PublishableTable table) =>
        outbox is not null
        && ((table.Schema, table.Name) == (outbox.Schema, outbox.Table)
            || (table.Schema, table.Name) == (outbox.NodesSchema, outbox.NodesTable));

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
            FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE p.pubname = @Publication AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL)
            ORDER BY 1, 2
            """,
            new { options.Publication },
            cancellationToken: cancellationToken));
        return filtered.Select(table =>
        {
            var quotedTable = Quoting.Identifier(table.Schema, table.Name);
            return new Finding(
                FindingKind.Missing,
                $"table {table.Schema}.{table.Name} is published with a row filter or a column list, which hides changes",
                $"ALTER PUBLICATION {quotedName} DROP TABLE ONLY {quotedTable}; "
                    + $"ALTER PUBLICATION {quotedName} ADD TABLE ONLY {quotedTable}");
        });
    }
}
