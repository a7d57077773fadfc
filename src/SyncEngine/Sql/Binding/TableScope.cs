using SyncEngine.Sql.Catalog;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Binding;

/// <summary>The one table of a query and how its columns may be named.</summary>
sealed class TableScope(Table table, TableReference reference)
{
    public Table Table { get; } = table;

    public Column Resolve(ColumnReference name)
    {
        if (name.Table is not null && !IsThisTable(name.Schema, name.Table))
        {
            throw new NotCoveredException($"\"{name.Table}\" is not the table of the query; Postgres answers what it is", name.At.Character);
        }

        return Table.ColumnNamed(name.Name) ?? throw new NotCoveredException($"\"{name.Name}\" is no column that the engine streams; Postgres answers it", name.At.Character);
    }

    /// <summary>An alias hides the table's own name, with and without its schema.</summary>
    public bool IsThisTable(string? schema, string name) => reference.Alias is null
        ? name == Table.Name && (schema is null || schema == Table.Schema)
        : schema is null && name == reference.Alias;
}
