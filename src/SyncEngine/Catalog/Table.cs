using System.Collections.Immutable;
using SyncEngine.Changes;

namespace SyncEngine.Catalog;

/// <summary>A relation that can be read: a table, view, partition, foreign table and so on.</summary>
/// <param name="Kind">pg_class.relkind: r table, p partitioned table, v view, m materialised view, f foreign table.</param>
/// <param name="IsStreamed">
/// Its changes reach the stream: it is published, logged and has a replica identity. A partitioned table (p) holds no rows; it is streamed
/// when all its leaves are. False for views.
/// </param>
/// <param name="NotStreamedBecause">
/// The reason when it is not streamed, as the end of a sentence ("is not in publication \"sync\"").
/// </param>
/// <param name="StreamedAfterXid">
/// Rows written by transactions below this id may be missing from the stream. A result that reads the table is taken by a snapshot whose
/// xmin has reached it. Zero for none.
/// </param>
/// <param name="PrimaryKey">attnums in key order; empty for none.</param>
/// <param name="IdentityColumns">attnums of the replica identity; for FULL all streamed columns.</param>
/// <param name="Children">Partitions and inheriting tables, direct ones.</param>
/// <param name="HasRowSecurity">Row-level security is enabled on it.</param>
/// <param name="Fingerprint">
/// Differs when anything differs that may change an answer: columns, types, keys, policies, privileges, owner, partitions, storage.
/// </param>
public sealed record Table(
    uint Oid,
    string Schema,
    string Name,
    char Kind,
    ReplicaIdentity Identity,
    ImmutableArray<Column> Columns,
    ImmutableArray<short> PrimaryKey,
    ImmutableArray<short> IdentityColumns,
    ImmutableArray<uint> Children,
    bool IsStreamed,
    string? NotStreamedBecause,
    ulong StreamedAfterXid,
    bool HasRowSecurity,
    ulong Fingerprint)
{
    /// <summary>The action that would make it streamed, as a sentence for a hint; null when there is none.</summary>
    public string? StreamedIf { get; init; }

    public Column? ColumnNamed(string name) => Columns.FirstOrDefault(column => column.Name == name);
}
