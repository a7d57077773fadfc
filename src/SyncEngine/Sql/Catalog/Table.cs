using System.Collections.Immutable;
using SyncEngine.Changes;
using SyncEngine.Values;

namespace SyncEngine.Sql.Catalog;

/// <summary>A column of a table, as pg_attribute knows it.</summary>
/// <param name="Number">attnum: stable through renames, with holes where columns were dropped.</param>
/// <param name="IsStreamed">Its values are in the stream (a generated column is not, before 18 or unless the publication says so).</param>
/// <param name="HasByteEquality">Equal by <c>=</c> exactly when the text is: true for text, varchar and name (and domains over them) under a deterministic collation; false for char(n), whose trailing blanks do not count.</param>
/// <param name="HasByteOrder">Ordered by its UTF-8 bytes: the same types under collation C or POSIX, or a built-in one.</param>
public sealed record Column(
    short Number,
    string Name,
    SqlType Type,
    int TypeModifier,
    bool IsNotNull,
    bool IsStreamed,
    bool HasByteEquality,
    bool HasByteOrder);

/// <summary>Something that can be read: a table, view, partition, foreign table and so on.</summary>
/// <param name="Kind">pg_class.relkind: r table, p partitioned table, v view, m materialised view, f foreign table.</param>
/// <param name="IsStreamed">Published, with a replica identity, logged: its changes can be seen. A partitioned table (p) has no rows of its own: true when all its leaves are streamed. False for views.</param>
/// <param name="NotStreamedBecause">When not: why, as a sentence's end ("is not in publication \"sync\"").</param>
/// <param name="StreamedAfterXid">Rows written by transactions below this id may be missing from the stream; a result that reads the table is taken by a snapshot whose xmin has reached it. Zero for none.</param>
/// <param name="PrimaryKey">attnums in key order; empty for none.</param>
/// <param name="IdentityColumns">attnums of the replica identity; for FULL all streamed columns.</param>
/// <param name="Children">Partitions and inheriting tables, direct ones.</param>
/// <param name="HasRowSecurity">Row-level security is enabled on it.</param>
/// <param name="Fingerprint">Changes when anything about the table does that may change an answer: columns, types, keys, policies, privileges, owner, partitions, storage.</param>
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
    /// <summary>What would make it streamed, as a sentence for a hint; null when nothing would.</summary>
    public string? StreamedIf { get; init; }

    public Column? ColumnNamed(string name) => Columns.FirstOrDefault(column => column.Name == name);
}

/// <summary>The schema as of one moment. Immutable; a new one replaces it when anything changed.</summary>
/// <param name="Version">Rises with every change.</param>
/// <param name="HasForeignOperators">User-defined operators named like <c>= &lt;&gt; &lt; &gt; &lt;= &gt;=</c> exist where queries' names resolve, so text alone does not say which operator a query means.</param>
public sealed record DatabaseSchema(
    long Version,
    int ServerVersion,
    IReadOnlyDictionary<uint, Table> Tables,
    IReadOnlyDictionary<uint, SqlType> Types,
    ImmutableArray<string> SearchPath,
    bool HasForeignOperators)
{
    private readonly Dictionary<(string, string), Table> byName = Tables.Values.ToDictionary(table => (table.Schema, table.Name));

    /// <summary>Resolves a name as the search path would.</summary>
    public Table? Find(string? schema, string name)
    {
        if (schema is not null)
        {
            return byName.GetValueOrDefault((schema, name));
        }

        foreach (var candidate in SearchPath)
        {
            if (byName.TryGetValue((candidate, name), out var table))
            {
                return table;
            }
        }

        return null;
    }
}
