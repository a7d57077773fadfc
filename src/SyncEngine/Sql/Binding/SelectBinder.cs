using System.Collections.Immutable;
using SyncEngine.Ports;
using SyncEngine.Sql.Catalog;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Binding;

/// <summary>
/// Gives a parsed query its meaning: the table, the columns by number, the operands by slot. It takes nothing on trust: wherever our reading
/// could differ from PostgreSQL's description of the same text, the query is not covered.
/// </summary>
public static class SelectBinder
{
    public static Coverage<BoundSelect> Bind(SelectStatement statement, DatabaseSchema schema, QueryDescription description)
    {
        try
        {
            var table = TableOf(statement, schema, description);
            var scope = new TableScope(table, statement.From);
            var output = OutputBinder.Bind(statement.Items, scope, description);
            RefuseOrderAndLimit(statement);
            var operands = new OperandBinder(description.Parameters);
            var where = statement.Where is null ? null : new PredicateBinder(scope, operands).Bind(statement.Where);
            return new BoundSelect(table, output, where, operands.Slots);
        }
        catch (NotCoveredException exception)
        {
            return exception.Refusal;
        }
    }

    private static Table TableOf(SelectStatement statement, DatabaseSchema schema, QueryDescription description)
    {
        var from = statement.From;
        var table = schema.Find(from.Schema, from.Name);
        if (table is null || description.Tables is not [var described] || described != table.Oid)
        {
            throw Refuse(description.Views.IsEmpty ? $"\"{from.Name}\" is not one table that the engine knows" : "views are answered by Postgres");
        }

        if (table.Kind == 'p' || !table.Children.IsEmpty)
        {
            throw Refuse("partitioned and inherited tables are answered by Postgres");
        }

        if (table.Kind != 'r' || !description.Views.IsEmpty)
        {
            throw Refuse("views are answered by Postgres");
        }

        if (!table.IsStreamed)
        {
            throw Refuse($"the table {table.NotStreamedBecause ?? "is not streamed"}");
        }

        if (description.HasRowSecurity)
        {
            throw Refuse("row-level security policies are applied by Postgres");
        }

        if (description.ReadsClock || description.HasOpaqueFunctions)
        {
            throw Refuse("function calls are answered by Postgres");
        }

        return schema.HasForeignOperators ? throw Refuse("user-defined comparison operators exist, and Postgres decides which one is meant") : table;

        NotCoveredException Refuse(string reason) => new(reason, from.At.Character);
    }

    private static void RefuseOrderAndLimit(SelectStatement statement)
    {
        if (statement.Limit is { } limit)
        {
            throw new NotCoveredException("LIMIT is answered by Postgres", limit.At.Character);
        }

        if (statement.Offset is { } offset)
        {
            throw new NotCoveredException("OFFSET is answered by Postgres", offset.At.Character);
        }

        if (statement.OrderBy.Count > 0)
        {
            throw new NotCoveredException("ORDER BY is answered by Postgres", statement.OrderBy[0].Key.At.Character);
        }
    }
}
