using System.Collections.Immutable;
using System.Diagnostics;
using SyncEngine.Ports;
using SyncEngine.Sql.Catalog;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Binding;

/// <summary>Resolves the select list, and holds it against the result that PostgreSQL describes.</summary>
static class OutputBinder
{
    public static ImmutableArray<OutputColumn> Bind(SyntaxList<SelectItem> items, TableScope scope, QueryDescription description)
    {
        var output = items.SelectMany(item => Expand(item, scope)).ToImmutableArray();
        if (output.Length != description.Columns.Length)
        {
            throw Disagreement();
        }

        for (var index = 0; index < output.Length; index++)
        {
            RefuseUnlessDescribed(scope.Table, output[index], description.Columns[index]);
        }

        return output;
    }

    private static IEnumerable<OutputColumn> Expand(SelectItem item, TableScope scope)
    {
        switch (item)
        {
            case AllColumns:
                return All(scope.Table);
            case AllColumnsOf all:
                return scope.IsThisTable(all.Schema, all.Table)
                    ? All(scope.Table)
                    : throw new NotCoveredException($"\"{all.Table}\" is not the table of the query; Postgres answers what it is", all.At.Character);
            case ColumnItem column:
                var resolved = scope.Resolve(column.Column);
                return [new OutputColumn(scope.Table.Columns.IndexOf(resolved), column.Label ?? resolved.Name)];
            default:
                throw new UnreachableException(item.GetType().Name);
        }
    }

    private static IEnumerable<OutputColumn> All(Table table) => table.Columns.Select((column, ordinal) => new OutputColumn(ordinal, column.Name));

    private static void RefuseUnlessDescribed(Table table, OutputColumn output, ResultColumn described)
    {
        var column = table.Columns[output.Ordinal];
        if (!column.IsStreamed)
        {
            throw new NotCoveredException($"the column \"{column.Name}\" is not in the stream", null);
        }

        // A result column of a domain is described by its base type.
        var hasSameType = described.Type.Oid == column.Type.Oid || described.Type.Oid == column.Type.Underlying.Oid;
        if (described.Name != output.Label || described.TableOid != table.Oid || described.ColumnNumber != column.Number || !hasSameType)
        {
            throw Disagreement();
        }
    }

    private static NotCoveredException Disagreement() => new("Postgres describes the result's columns differently", null);
}
