using System.Collections.Immutable;
using SyncEngine.Values;

namespace SyncEngine.Catalog;

/// <summary>The database's schema at one moment. Immutable; a new one replaces it after every change.</summary>
/// <param name="Version">Rises with every change.</param>
/// <param name="HasForeignOperators">
/// User-defined operators named <c>= &lt;&gt; &lt; &gt; &lt;= &gt;=</c> exist in the schemas where names resolve. The text alone then does
/// not determine which operator a query uses.
/// </param>
public sealed record DatabaseSchema(
    long Version,
    int ServerVersion,
    IReadOnlyDictionary<uint, Table> Tables,
    IReadOnlyDictionary<uint, SqlType> Types,
    ImmutableArray<string> SearchPath,
    bool HasForeignOperators)
{
    private readonly Dictionary<(string, string), Table> byName = Tables.Values.ToDictionary(table => (table.Schema, table.Name));

    /// <summary>Resolves a name by the search path.</summary>
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
