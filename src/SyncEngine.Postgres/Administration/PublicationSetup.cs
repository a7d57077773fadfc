using System.Globalization;
using Dapper;
using Npgsql;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>A table of the configured schemas.</summary>
public sealed record PublishedTable(uint Oid, string Schema, string Name)
{
    public string QuotedName => Quoting.Identifier(Schema, Name);

    public override string ToString() => $"{Schema}.{Name}";
}

/// <summary>A table that is not published, why, and the SQL that would help.</summary>
/// <param name="Reason">A sentence's end: "has no replica identity …".</param>
public sealed record LeftOutTable(PublishedTable Table, string Reason, string Mend);

/// <summary>What became of the publication.</summary>
/// <param name="IsCreated">It did not exist before.</param>
/// <param name="Added">Tables that were added just now; a partitioned one stands for its partitions.</param>
/// <param name="StreamedAfterXid">
/// When tables were added: transactions below this id may have written to them without being streamed. It is the xmax of a snapshot
/// taken after the change had been committed; a read whose snapshot's xmin has reached it misses nothing that the stream lacks. Else zero.
/// </param>
public sealed record PublicationChange(bool IsCreated, IReadOnlyList<PublishedTable> Added, IReadOnlyList<LeftOutTable> LeftOut, ulong StreamedAfterXid);

/// <summary>
/// Creates the publication and adds the tables that may be published: those whose UPDATEs and DELETEs go on working, because they have a replica identity.
/// </summary>
/// <remarks>
/// Partitions are published, not their roots (publish_via_partition_root = false): TRUNCATE, ATTACH and DETACH of a partition would leave no trace otherwise.
/// A partitioned table is added as such when its primary key gives every later partition a replica identity, too; else its partitions one by one.
/// Several engines may do this at once: an advisory lock keeps them apart.
/// </remarks>
public sealed class PublicationSetup(NpgsqlDataSource dataSource, ReplicationOptions options)
{
    /// <summary>Any number that nobody else uses; it spells "syncpubl".</summary>
    private const long AdvisoryLock = 0x73796E637075626C;

    // The rules of RelationGetReplicaIndex: a deferrable key is none.
    private const string ListTables = """
        SELECT c.oid AS "Oid", n.nspname::text AS "Schema", c.relname::text AS "Name", c.relkind::text AS "Kind", c.relpersistence::text AS "Persistence",
            c.relreplident::text AS "Identity", c.relispartition AS "IsPartition", pg_has_role(c.relowner, 'USAGE') AS "IsOwned", pg_get_userbyid(c.relowner)::text AS "Owner",
            EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate) AS "HasPrimaryKey",
            EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident AND i.indisvalid AND i.indimmediate) AS "HasIdentityIndex",
            EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = c.oid AND p.pubname = @publication) AS "IsListed",
            EXISTS (SELECT FROM pg_publication_tables t WHERE t.pubname = @publication AND t.schemaname = n.nspname AND t.tablename = c.relname) AS "IsPublished",
            CASE WHEN c.relkind = 'p' THEN ARRAY(SELECT t.relid::oid FROM pg_partition_tree(c.oid) t WHERE t.isleaf AND t.relid <> c.oid) END AS "Leaves"
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
            AND obj_description(c.oid, 'pg_class') IS DISTINCT FROM 'SyncEngine: the engines that publish the outbox' -- heartbeats; sql/outbox/nodes.sql
            AND (n.nspname = ANY(@schemas) OR EXISTS (
                SELECT FROM pg_partition_ancestors(c.oid) a JOIN pg_class r ON r.oid = a.relid JOIN pg_namespace rn ON rn.oid = r.relnamespace
                WHERE c.relispartition AND rn.nspname = ANY(@schemas)))
        ORDER BY n.nspname, c.relname
        """;

    public string Publication => options.Publication;

    /// <summary>Creates the publication if it is missing, sets it right, and adds the tables that are missing.</summary>
    public async Task<PublicationChange> EnsureAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var isCreated = false;
        await using (var transaction = await BeginAsync(connection, cancellationToken))
        {
            var existing = await FindAsync(connection, cancellationToken);
            if (existing is null)
            {
                var generated = connection.PostgreSqlVersion.Major >= 18 ? ", publish_generated_columns = stored" : "";
                await connection.ExecuteAsync(
                    new CommandDefinition($"CREATE PUBLICATION {Quoting.Identifier(Publication)} WITH (publish_via_partition_root = false{generated})", cancellationToken: cancellationToken));
                isCreated = true;
            }
            else if (existing.WrongSettings(Publication) is { } mend)
            {
                await connection.ExecuteAsync(new CommandDefinition(mend, cancellationToken: cancellationToken));
            }

            await transaction.CommitAsync(cancellationToken);
        }

        return await AddAsync(connection, isCreated, cancellationToken);
    }

    /// <summary>Adds the tables that have appeared, or gained a replica identity, since. The publication must exist.</summary>
    /// <remarks>Gives up after 5 s on a table that somebody keeps locked (SQLSTATE 55P03): call again later.</remarks>
    public async Task<PublicationChange> AddMissingTablesAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        return await AddAsync(connection, isCreated: false, cancellationToken);
    }

    /// <summary>What <see cref="EnsureAsync"/> would do, without doing it: tables to add, and tables left out.</summary>
    public async Task<(IReadOnlyList<PublishedTable> Missing, IReadOnlyList<LeftOutTable> LeftOut, IReadOnlyList<LeftOutTable> Broken)> PlanAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        var rows = (await connection.QueryAsync<TableRow>(
            new CommandDefinition(ListTables, new { publication = Publication, schemas = options.SchemaNames.ToArray() }, cancellationToken: cancellationToken))).ToDictionary(row => row.Oid);
        var missing = new List<PublishedTable>();
        var leftOut = new List<LeftOutTable>();
        var covered = new HashSet<uint>();

        foreach (var root in rows.Values.Where(row => row is { Kind: "p", IsPartition: false }))
        {
            if (root.HasIdentity && root.HasPrimaryKey && root.IsOwned && root.Leaves!.All(leaf => rows.TryGetValue(leaf, out var row) && row.CanBePublished))
            {
                covered.UnionWith(root.Leaves!);
                if (!root.IsListed && !(root.Leaves!.Length > 0 && root.Leaves.All(leaf => rows[leaf].IsPublished)))
                {
                    missing.Add(root.Table);
                }
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
                leftOut.Add(row.LeftOut(Publication));
            }
        }

        var broken = rows.Values.Where(row => row is { Kind: "r", IsPublished: true, HasIdentity: false }).Select(row => row.LeftOut(Publication)).ToList();
        return (missing, leftOut, broken);
    }

    internal Task<PublicationRow?> FindAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var generated = connection.PostgreSqlVersion.Major >= 18 ? "pubgencols::text" : "NULL::text";
        return connection.QuerySingleOrDefaultAsync<PublicationRow>(new CommandDefinition(
            $"""
            SELECT puballtables AS "IsForAllTables", pubviaroot AS "IsViaRoot", pubinsert AND pubupdate AND pubdelete AND pubtruncate AS "HasEveryOperation",
                {generated} AS "GeneratedColumns", pg_has_role(pubowner, 'USAGE') AS "IsOwned"
            FROM pg_publication WHERE pubname = @publication
            """,
            new { publication = Publication },
            cancellationToken: cancellationToken));
    }

    private async Task<PublicationChange> AddAsync(NpgsqlConnection connection, bool isCreated, CancellationToken cancellationToken)
    {
        var (missing, leftOut, _) = await PlanAsync(connection, cancellationToken);
        if (missing.Count == 0)
        {
            return new PublicationChange(isCreated, [], leftOut, 0);
        }

        await using (var transaction = await BeginAsync(connection, cancellationToken))
        {
            // Again, now that nobody else is adding.
            (missing, leftOut, _) = await PlanAsync(connection, cancellationToken);
            if (missing.Count > 0)
            {
                // ONLY: a table that inherits is a table of its own, with or without a replica identity of its own. Partitions are included all the same.
                var tables = string.Join(", ", missing.Select(table => $"ONLY {table.QuotedName}"));
                await connection.ExecuteAsync(new CommandDefinition($"ALTER PUBLICATION {Quoting.Identifier(Publication)} ADD TABLE {tables}", cancellationToken: cancellationToken));
            }

            await transaction.CommitAsync(cancellationToken);
        }

        // Also when another engine has just added them: its commit is behind us, too.
        var xmax = await connection.ExecuteScalarAsync<string>(
            new CommandDefinition("SELECT pg_snapshot_xmax(pg_current_snapshot())::text", cancellationToken: cancellationToken));
        return new PublicationChange(isCreated, missing, leftOut, ulong.Parse(xmax!, CultureInfo.InvariantCulture));
    }

    private static async Task<NpgsqlTransaction> BeginAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            $"SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock({AdvisoryLock.ToString(CultureInfo.InvariantCulture)})", cancellationToken: cancellationToken));
        return transaction;
    }

    internal sealed record PublicationRow
    {
        public bool IsForAllTables { get; init; }

        public bool IsViaRoot { get; init; }

        public bool HasEveryOperation { get; init; }

        public bool IsOwned { get; init; }

        /// <summary>From 18 on: <c>n</c> none, <c>s</c> stored.</summary>
        public string? GeneratedColumns { get; init; }

        /// <summary>The SQL that sets it right; null when nothing is wrong.</summary>
        public string? WrongSettings(string publication)
        {
            var settings = new List<string>();
            if (IsViaRoot)
            {
                settings.Add("publish_via_partition_root = false");
            }

            if (!HasEveryOperation)
            {
                settings.Add("publish = 'insert, update, delete, truncate'");
            }

            if (GeneratedColumns == "n")
            {
                settings.Add("publish_generated_columns = stored");
            }

            return settings.Count == 0 ? null : $"ALTER PUBLICATION {Quoting.Identifier(publication)} SET ({string.Join(", ", settings)})";
        }
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

        /// <summary>Named, or included by what is named.</summary>
        public bool IsPublished { get; init; }

        public uint[]? Leaves { get; init; }

        public PublishedTable Table => new(Oid, Schema, Name);

        public bool HasIdentity => Identity switch
        {
            "f" => true,
            "d" => HasPrimaryKey,
            "i" => HasIdentityIndex,
            _ => false,
        };

        public bool CanBePublished => Kind == "r" && Persistence == "p" && HasIdentity;

        public LeftOutTable LeftOut(string publication) => this switch
        {
            { Persistence: "u" } => new LeftOutTable(Table, "is unlogged: its changes are not in the write-ahead log", $"ALTER TABLE {Table.QuotedName} SET LOGGED"),
            { HasIdentity: false, Identity: "n" } => new LeftOutTable(Table, "has REPLICA IDENTITY NOTHING", Mend),
            { HasIdentity: false } => new LeftOutTable(Table, "has no replica identity (no primary key)", Mend),
            _ => new LeftOutTable(Table, $"belongs to role {Quoting.Identifier(Owner)}, who alone may publish it", $"ALTER PUBLICATION {Quoting.Identifier(publication)} ADD TABLE ONLY {Table.QuotedName}"),
        };

        private string Mend => HasPrimaryKey ? $"ALTER TABLE {Table.QuotedName} REPLICA IDENTITY DEFAULT" : $"ALTER TABLE {Table.QuotedName} REPLICA IDENTITY FULL";
    }
}
