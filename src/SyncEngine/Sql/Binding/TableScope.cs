using SyncEngine.Catalog;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Binding;

/// <summary>The one table of a query and the names that its columns may have.</summary>
sealed class TableScope(Table table, TableReference reference)
{
    public Table Table { get; } = table;

    public static NotCoveredException OtherTable(string name, SourcePosition at) =>
        new($"\"{name}\" is not the table of the query; PostgreSQL answers it", at.Character);

    public Column Resolve(ColumnReference name) => name.Table is not null && !IsThisTable(name.Schema, name.Table)
        ? throw OtherTable(name.Table, name.At)
        : Table.ColumnNamed(name.Name)
            ?? throw new NotCoveredException(
                $"\"{name.Name}\" is not a column that the engine streams; PostgreSQL answers it", name.At.Character);

    /// <summary>An alias hides the table's own name, with and without its schema.</summary>
    public bool IsThisTable(string? schema, string name) => reference.Alias is null
        ? name == Table.Name && (schema is null || schema == Table.Schema)
        : schema is null && name == reference.Alias;
}
