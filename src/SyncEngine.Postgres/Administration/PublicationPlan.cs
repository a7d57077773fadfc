using Dapper;
using Npgsql;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>A table of the configured schemas.</summary>
public sealed record PublishableTable(uint Oid, string Schema, string Name)
{
    public string QuotedName => Quoting.Identifier(Schema, Name);

    /// <summary>The tables as the SQL of a publication has them.</summary>
    /// <remarks>
    /// ONLY: a table that inherits is a table of its own, with or without a replica identity of its own. Partitions are included all the
    /// same.
    /// </remarks>
    public static string List(IEnumerable<PublishableTable> tables) =>
        string.Join(", ", tables.Select(table => $"ONLY {table.QuotedName}"));

    public override string ToString() => $"{Schema}.{Name}";
}

/// <summary>A table that is not published, the reason, and the SQL that would help.</summary>
/// <param name="Reason">A sentence's end: "has no replica identity …".</param>
public sealed record LeftOutTable(PublishableTable Table, string Reason, string Repair)
{
    public Finding ToFinding(FindingKind kind) => new(kind, $"table {Table} is left out: it {Reason}", Repair);
}

/// <summary>The differences between a publication and the tables that it should publish.</summary>
/// <param name="Missing">Tables to add; a partitioned one stands for its partitions.</param>
/// <param name="LeftOut">Tables that cannot be published.</param>
/// <param name="Broken">Published tables without a replica identity, on which UPDATE and DELETE fail.</param>
public sealed record PublicationPlan(
    IReadOnlyList<PublishableTable> Missing, IReadOnlyList<LeftOutTable> LeftOut, IReadOnlyList<LeftOutTable> Broken)
{
    // The rules of RelationGetReplicaIndex: a deferrable key is none.
    private const string ListTables = """
        SELECT c.oid AS "Oid", n.nspname::text AS "Schema", c.relname::text AS "Name",
            c.relkind::text AS "Kind", c.relpersistence::text AS "Persistence", c.relreplident::text AS "Identity", c.relispartition AS "IsPartition",
            pg_has_role(c.relowner, 'USAGE') AS "IsOwned", pg_get_userbyid(c.relowner)::text AS "Owner",
            EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate) AS "HasPrimaryKey",
            EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident AND i.indisvalid AND i.indimmediate) AS "HasIdentityIndex",
            EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                WHERE r.prrelid = c.oid AND p.pubname = @Publication) AS "IsListed",
            EXISTS (SELECT FROM pg_publication_tables t
                WHERE t.pubname = @Publication AND t.schemaname = n.nspname AND t.tablename = c.relname) AS "IsPublished",
            CASE WHEN c.relkind = 'p'
                THEN ARRAY(SELECT t.relid::oid FROM pg_partition_tree(c.oid) t WHERE t.isleaf AND t.relid <> c.oid) END AS "Leaves"
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
            AND obj_description(c.oid, 'pg_class') IS DISTINCT FROM 'SyncEngine: the engines that publish the outbox' -- sql/outbox/nodes.sql
            AND (n.nspname = ANY(@Schemas) OR EXISTS (
                SELECT FROM pg_partition_ancestors(c.oid) a JOIN pg_class r ON r.oid = a.relid JOIN pg_namespace rn ON rn.oid = r.relnamespace
                WHERE c.relispartition AND rn.nspname = ANY(@Schemas)))
        ORDER BY n.nspname, c.relname
        """;

    public static async Task<PublicationPlan> ReadAsync(
        NpgsqlConnection connection, ReplicationOptions options, CancellationToken cancellationToken)
    {
        var parameters = new { options.Publication, Schemas = options.SchemaNames.ToArray() };
        var tables = await connection.QueryAsync<TableRow>(new CommandDefinition(
            ListTables, parameters, cancellationToken: cancellationToken));
        return Of(tables.ToDictionary(row => row.Oid), options.Publication);
    }

    private static PublicationPlan Of(Dictionary<uint, TableRow> rows, string publication)
    {
        var missing = new List<PublishableTable>();
        var leftOut = new List<LeftOutTable>();
        var covered = new HashSet<uint>();
        foreach (var root in rows.Values.Where(
            row => row.CanCoverPartitions && row.Leaves!.All(leaf => rows.TryGetValue(leaf, out var found) && found.CanBePublished)))
        {
            covered.UnionWith(root.Leaves!);
            if (!root.IsListed && !(root.Leaves!.Length > 0 && root.Leaves.All(leaf => rows[leaf].IsPublished)))
            {
                missing.Add(root.Table);
            }
        }

        foreach (var row in rows.Values.Where(row => row.Kind == "r" && !row.IsPublished && !covered.Contains(row.Oid)))
        {
            if (row.CanBePublished && row.IsOwned)
            {
                missing.Add(row.Table);
            }
            else
            {
                leftOut.Add(row.LeftOut(publication));
            }
        }

        var broken = rows.Values.Where(row => row is { Kind: "r", IsPublished: true, HasIdentity: false });
        return new PublicationPlan(missing, leftOut, [.. broken.Select(row => row.LeftOut(publication))]);
    }

    private sealed record TableRow
    {
        public uint Oid { get; init; }

        public required string Schema { get; init; }

        public required string Name { get; init; }

        public required string Kind { get; init; }

        public required string Persistence { get; init; }

        public required string Identity { get; init; }

        public bool IsPartition { get; init; }

        public bool IsOwned { get; init; }

        public required string Owner { get; init; }

        public bool HasPrimaryKey { get; init; }

        public bool HasIdentityIndex { get; init; }

        /// <summary>Named in the publication itself.</summary>
        public bool IsListed { get; init; }

        /// <summary>Named, or included by a name.</summary>
        public bool IsPublished { get; init; }

        public uint[]? Leaves { get; init; }

        public PublishableTable Table => new(Oid, Schema, Name);

        public bool HasIdentity => Identity switch
        {
            "f" => true,
            "d" => HasPrimaryKey,
            "i" => HasIdentityIndex,
            _ => false,
        };

        public bool CanBePublished => Kind == "r" && Persistence == "p" && HasIdentity;

        /// <summary>A root whose primary key gives every later partition a replica identity, too.</summary>
        public bool CanCoverPartitions => Kind == "p" && !IsPartition && HasIdentity && HasPrimaryKey && IsOwned;

        private string RepairIdentity => $"ALTER TABLE {Table.QuotedName} REPLICA IDENTITY {(HasPrimaryKey ? "DEFAULT" : "FULL")}";

        public LeftOutTable LeftOut(string publication) => this switch
        {
            { Persistence: "u" } => new LeftOutTable(
                Table, "is unlogged: its changes are not in the write-ahead log", $"ALTER TABLE {Table.QuotedName} SET LOGGED"),
            { HasIdentity: false, Identity: "n" } => new LeftOutTable(Table, "has REPLICA IDENTITY NOTHING", RepairIdentity),
            { HasIdentity: false } => new LeftOutTable(Table, "has no replica identity (no primary key)", RepairIdentity),
            _ => new LeftOutTable(
                Table,
                $"belongs to role {Quoting.Identifier(Owner)}, who alone may publish it",
                $"ALTER PUBLICATION {Quoting.Identifier(publication)} ADD TABLE ONLY {Table.QuotedName}"),
        };
    }
}
