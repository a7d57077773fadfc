using System.Collections.Immutable;
using System.Diagnostics;
using SyncEngine.Catalog;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Binding;

/// <summary>Resolves the select list to columns of the table.</summary>
static class OutputBinder
{
    public static ImmutableArray<BoundColumn> Bind(SyntaxList<SelectItem> items, TableScope scope)
    {
        var output = items.SelectMany(item => Expand(item, scope)).ToImmutableArray();
        foreach (var (ordinal, _) in output)
        {
            if (scope.Table.Columns[ordinal] is { IsStreamed: false } column)
            {
                throw new NotCoveredException($"the column \"{column.Name}\" is not in the stream", null);
            }
        }

        return output;
    }

    private static IEnumerable<BoundColumn> Expand(SelectItem item, TableScope scope)
    {
        switch (item)
        {
            case AllColumns:
                return All(scope.Table);
            case AllColumnsOf all:
                return scope.IsThisTable(all.Schema, all.Table) ? All(scope.Table) : throw TableScope.OtherTable(all.Table, all.At);
            case ColumnItem column:
                var resolved = scope.Resolve(column.Column);
                return [new BoundColumn(scope.Table.Columns.IndexOf(resolved), column.Label ?? resolved.Name)];
            default:
                throw new UnreachableException(item.GetType().Name);
        }
    }

    private static IEnumerable<BoundColumn> All(Table table) =>
        table.Columns.Select((column, ordinal) => new BoundColumn(ordinal, column.Name));
}
