using System.Diagnostics;

namespace SyncEngine.Sql.Syntax;

/// <summary>Writes syntax as SQL that parses to equal syntax: names quoted, conditions inside conditions in parentheses.</summary>
public static class SyntaxPrinter
{
    public static string Print(SelectSyntax statement)
    {
        var text = $"SELECT {List(statement.Items.Select(Item))} FROM {From(statement.From)}";
        if (statement.Where is { } where)
        {
            text += $" WHERE {Print(where)}";
        }

        if (statement.OrderBy.Count > 0)
        {
            text += $" ORDER BY {List(statement.OrderBy.Select(Order))}";
        }

        if (statement.Limit is { } limit)
        {
            text += limit is NullLiteral ? " LIMIT ALL" : $" LIMIT {Print(limit)}";
        }

        return statement.Offset is { } offset ? $"{text} OFFSET {Print(offset)}" : text;
    }

    public static string Print(Expression expression) => expression switch
    {
        ColumnReference column => Name(column.Schema, column.Table, column.Name),
        NumberLiteral number => number.Text,
        StringLiteral literal => TokenPrinter.QuoteString(literal.Value),
        BooleanLiteral literal => literal.Value ? "TRUE" : "FALSE",
        NullLiteral => "NULL",
        ParameterReference parameter => $"${parameter.Number}",
        CastExpression cast => $"CAST({Print(cast.Operand)} AS {Type(cast.Type)})",
        ComparisonExpression comparison => $"{Operand(comparison.Left)} {Symbol(comparison.Operator)} {Operand(comparison.Right)}",
        InListExpression inList => $"{Operand(inList.Operand)} {Not(inList.IsNegated)}IN ({List(inList.Items.Select(Print))})",
        BetweenExpression between =>
            $"{Operand(between.Operand)} {Not(between.IsNegated)}BETWEEN {Operand(between.Low)} AND {Operand(between.High)}",
        NullTestExpression test => $"{Operand(test.Operand)} {Is(test.IsNegated)} NULL",
        TruthTestExpression test => $"{Operand(test.Operand)} {Is(test.IsNegated)} {Truth(test.Value)}",
        DistinctTestExpression test => $"{Operand(test.Left)} {Is(test.IsNegated)} DISTINCT FROM {Operand(test.Right)}",
        NotExpression not => $"NOT {Operand(not.Operand)}",
        AndExpression conjunction => string.Join(" AND ", conjunction.Conditions.Select(Operand)),
        OrExpression disjunction => string.Join(" OR ", disjunction.Conditions.Select(Operand)),
        _ => throw new UnreachableException(expression.GetType().Name),
    };

    public static string Symbol(ComparisonKind comparison) => comparison switch
    {
        ComparisonKind.Equal => "=",
        ComparisonKind.NotEqual => "<>",
        ComparisonKind.Less => "<",
        ComparisonKind.Greater => ">",
        ComparisonKind.LessOrEqual => "<=",
        ComparisonKind.GreaterOrEqual => ">=",
        _ => throw new UnreachableException(comparison.ToString()),
    };

    private static string Operand(Expression expression) =>
        expression is ColumnReference or NumberLiteral or StringLiteral or BooleanLiteral or NullLiteral or ParameterReference
            or CastExpression
        ? Print(expression)
        : $"({Print(expression)})";

    private static string Item(SelectItem item) => item switch
    {
        AllColumns => "*",
        AllColumnsOf all => Name(all.Schema, all.Table) + ".*",
        ColumnItem { Label: null } column => Print(column.Column),
        ColumnItem column => $"{Print(column.Column)} AS {Name(column.Label)}",
        _ => throw new UnreachableException(item.GetType().Name),
    };

    private static string From(TableReference table) =>
        (table.IsOnly ? "ONLY " : "") + Name(table.Schema, table.Name) + (table.Alias is null ? "" : $" AS {Name(table.Alias)}");

    private static string Order(OrderItem item) =>
        Print(item.Key)
        + (item.IsDescending ? " DESC" : "")
        + (item.NullsFirst switch { null => "", true => " NULLS FIRST", false => " NULLS LAST" });

    private static string Type(TypeName type) => Name(type.Schema, type.Name) + (type.Modifier is null ? "" : $"({type.Modifier})");

    private static string Truth(TruthValue value) => value switch
    {
        TruthValue.True => "TRUE",
        TruthValue.False => "FALSE",
        TruthValue.Unknown => "UNKNOWN",
        _ => throw new UnreachableException(value.ToString()),
    };

    private static string Not(bool isNegated) => isNegated ? "NOT " : "";

    private static string Is(bool isNegated) => isNegated ? "IS NOT" : "IS";

    private static string Name(params string?[] parts) => string.Join('.', parts.OfType<string>().Select(TokenPrinter.QuoteName));

    private static string List(IEnumerable<string> items) => string.Join(", ", items);
}
