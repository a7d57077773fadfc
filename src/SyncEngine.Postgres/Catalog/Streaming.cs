using SyncEngine.Changes;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Catalog;

/// <summary>The configured publication; null members when it does not exist.</summary>
/// <param name="Oid">Differs after it was dropped and created again.</param>
/// <param name="PublishesAll">Inserts, updates, deletes and truncates.</param>
/// <param name="ViaRoot">Changes of partitions are published as their root's.</param>
readonly record struct PublicationRow(uint Oid, bool PublishesAll, bool ViaRoot);

/// <summary>One table's membership.</summary>
/// <param name="Columns">Its column list, or the columns that are published; null for all.</param>
/// <param name="EntryOid">Differs after the table was removed and added again.</param>
sealed record PublishedTable(short[]? Columns, bool HasFilter, uint EntryOid);

/// <summary>The reason why a table's changes are not in the stream, and the action that would help.</summary>
readonly record struct NotStreamed(string Because, string? StreamedIf);

/// <summary>The rules by which a table's changes are in the stream or not.</summary>
/// <remarks>https://www.postgresql.org/docs/current/logical-replication-publication.html</remarks>
sealed class Streaming(string publicationName, PublicationRow? publication, IReadOnlyDictionary<uint, PublishedTable> published)
{
    private readonly string quoted = Quoting.Identifier(publicationName);

    /// <summary>Null when the table is streamed. For plain tables and leaves; a partitioned table is judged by its leaves.</summary>
    /// <param name="table">The table, its columns and keys.</param>
    /// <param name="publishAs">The table to add for it: for a leaf the root of its partition tree.</param>
    public NotStreamed? Judge(TableFacts table, TableFacts publishAs)
    {
        var name = Quoting.Identifier(table.Schema, table.Name);
        switch (table.Kind)
        {
            case 'f':
                return new NotStreamed("is a foreign table", null);
            case 'm':
                return new NotStreamed("is a materialised view", "Query the tables it is made of, or make it an ordinary view.");
            case 'v':
                return new NotStreamed("is a view", null);
            case var _ when table.Persistence == 'u':
                return new NotStreamed("is unlogged", $"Run ALTER TABLE {name} SET LOGGED, then subscribe again.");
        }

        if (publication is not { } publishing)
        {
            return new NotStreamed(
                $"is not in publication \"{publicationName}\", which does not exist",
                $"Run CREATE PUBLICATION {quoted} FOR TABLE {Quoting.Identifier(publishAs.Schema, publishAs.Name)}, then subscribe again.");
        }

        if (!published.TryGetValue(table.Oid, out var member))
        {
            var publish = $"ALTER PUBLICATION {quoted} ADD TABLE {Quoting.Identifier(publishAs.Schema, publishAs.Name)}";
            if (publishing.ViaRoot && table.IsPartition)
            {
                return new NotStreamed(
                    $"is a partition that publication \"{publicationName}\" publishes as its root",
                    $"Run ALTER PUBLICATION {quoted} SET (publish_via_partition_root = false), then subscribe again.");
            }

            // In the publication without a replica identity, its UPDATEs and DELETEs would fail.
            return table is { Identity: ReplicaIdentity.Nothing } or { Identity: not ReplicaIdentity.Full, IdentityKey.Length: 0 }
                ? new NotStreamed(
                    $"is not in publication \"{publicationName}\", as it has no replica identity",
                    $"Give {name} a primary key, or run ALTER TABLE {name} REPLICA IDENTITY FULL; "
                    + $"then run {publish} if it has not been added by itself, and subscribe again.")
                : new NotStreamed($"is not in publication \"{publicationName}\"", $"Run {publish}, then subscribe again.");
        }

        if (!publishing.PublishesAll)
        {
            return new NotStreamed(
                $"is in publication \"{publicationName}\", which leaves out kinds of changes",
                $"Run ALTER PUBLICATION {quoted} SET (publish = 'insert, update, delete, truncate'), then subscribe again.");
        }

        if (member.HasFilter)
        {
            return new NotStreamed($"has a row filter in publication \"{publicationName}\"", Again(name));
        }

        if (member.Columns is { } listed && table.Columns.Any(column => column.Generated == '\0' && !listed.Contains(column.Number)))
        {
            return new NotStreamed($"has a column list in publication \"{publicationName}\"", Again(name));
        }

        return table switch
        {
            { Identity: ReplicaIdentity.Nothing } =>
                new NotStreamed("has REPLICA IDENTITY NOTHING", $"Run ALTER TABLE {name} REPLICA IDENTITY FULL, then subscribe again."),
            { Identity: ReplicaIdentity.Full } or { IdentityKey.Length: > 0 } => null,
            _ => new NotStreamed(
                "has no replica identity",
                $"Give {name} a primary key, or run ALTER TABLE {name} REPLICA IDENTITY FULL, then subscribe again."),
        };
    }

    /// <summary>Generated columns are sent from 18 on, and only the stored ones that the publication includes.</summary>
    public bool IsSent(TableFacts table, ColumnFacts column, int serverVersion) => column.Generated switch
    {
        '\0' => true,
        's' => serverVersion >= 180000
            && published.TryGetValue(table.Oid, out var member)
            && member.Columns?.Contains(column.Number) == true,
        _ => false,
    };

    private string Again(string name) =>
        $"Run ALTER PUBLICATION {quoted} DROP TABLE {name} and ALTER PUBLICATION {quoted} ADD TABLE {name}, then subscribe again.";
}
