using SyncEngine.Catalog;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Binding;

/// <summary>
/// Resolves the names of a parsed query: the table, the columns by number, the operands by index. A query that PostgreSQL could read
/// differently is not covered.
/// </summary>
static class SelectBinder
{
    public static Coverage<BoundSelect> Bind(SelectSyntax syntax, Table? table, DatabaseSchema schema)
    {
        try
        {
            var scope = new TableScope(Supported(table, syntax.From, schema), syntax.From);
            var output = OutputBinder.Bind(syntax.Items, scope);
            RefuseOrderAndLimit(syntax);
            var operands = new OperandBinder();
            var where = syntax.Where is null ? null : new PredicateBinder(scope, operands).Bind(syntax.Where);
            return new BoundSelect(scope.Table, output, where, operands.Operands);
        }
        catch (NotCoveredException exception)
        {
            return exception.Refusal;
        }
    }

    private static Table Supported(Table? table, TableReference from, DatabaseSchema schema)
    {
        return table switch
        {
            null => throw Refuse($"\"{from.Name}\" is not a table that the engine knows"),
            { Kind: 'p' } or { Children.IsEmpty: false } => throw Refuse("partitioned and inherited tables are answered by PostgreSQL"),
            { Kind: not 'r' } => throw Refuse("views are answered by PostgreSQL"),
            { IsStreamed: false } => throw Refuse($"the table {table.NotStreamedBecause ?? "is not streamed"}"),
            _ when schema.HasForeignOperators =>
                throw Refuse("user-defined comparison operators exist; PostgreSQL decides which one applies"),
            _ => table,
        };

        NotCoveredException Refuse(string reason) => new(reason, from.At.Character);
    }

    private static void RefuseOrderAndLimit(SelectSyntax syntax)
    {
        if (syntax.Limit is { } limit)
        {
            throw new NotCoveredException("LIMIT is answered by PostgreSQL", limit.At.Character);
        }

        if (syntax.Offset is { } offset)
        {
            throw new NotCoveredException("OFFSET is answered by PostgreSQL", offset.At.Character);
        }

        if (syntax.OrderBy.Count > 0)
        {
            throw new NotCoveredException("ORDER BY is answered by PostgreSQL", syntax.OrderBy[0].Key.At.Character);
        }
    }
}
