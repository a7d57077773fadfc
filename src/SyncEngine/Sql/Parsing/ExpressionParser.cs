using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Parsing;

/// <summary>
/// Reads conditions by PostgreSQL's precedence, one method per level from the loosest to the tightest:
/// OR, AND, NOT, IS, comparisons (of which none follows another), BETWEEN and IN, and then values.
/// </summary>
/// <remarks>
/// https://www.postgresql.org/docs/current/sql-syntax-lexical.html (operator precedence). Other operators are not covered.
/// </remarks>
static class ExpressionParser
{
    public static Expression Read(TokenReader reader) => reader.Nested(() => Or(reader));

    private static Expression Or(TokenReader reader)
    {
        var conditions = new List<Expression>();
        do
        {
            conditions.Add(And(reader));
        }
        while (reader.TakeWord("or"));
        return OrExpression.Of(conditions);
    }

    private static Expression And(TokenReader reader)
    {
        var conditions = new List<Expression>();
        do
        {
            conditions.Add(NotLevel(reader));
        }
        while (reader.TakeWord("and"));
        return AndExpression.Of(conditions);
    }

    private static Expression NotLevel(TokenReader reader)
    {
        var at = reader.Position;
        return reader.TakeWord("not") ? new NotExpression(at, reader.Nested(() => NotLevel(reader))) : Is(reader);
    }

    /// <summary>IS tests do not chain: <c>a IS NULL IS NULL</c> is no SQL.</summary>
    private static Expression Is(TokenReader reader)
    {
        var operand = Compare(reader);
        var at = reader.Position;
        if (reader.TakeWord("isnull"))
        {
            return new NullTestExpression(at, operand, IsNegated: false);
        }

        if (reader.TakeWord("notnull"))
        {
            return new NullTestExpression(at, operand, IsNegated: true);
        }

        if (!reader.TakeWord("is"))
        {
            return operand;
        }

        var isNegated = reader.TakeWord("not");
        if (reader.TakeWord("distinct"))
        {
            reader.ExpectWord("from");
            return new DistinctTestExpression(at, operand, Compare(reader), isNegated);
        }

        return reader.Current switch
        {
            { Kind: TokenKind.Word, Text: "null" } => Taken(new NullTestExpression(at, operand, isNegated)),
            { Kind: TokenKind.Word, Text: "true" } => Taken(new TruthTestExpression(at, operand, TruthValue.True, isNegated)),
            { Kind: TokenKind.Word, Text: "false" } => Taken(new TruthTestExpression(at, operand, TruthValue.False, isNegated)),
            { Kind: TokenKind.Word, Text: "unknown" } => Taken(new TruthTestExpression(at, operand, TruthValue.Unknown, isNegated)),
            _ => throw reader.NotCovered(Reasons.Construct),
        };

        Expression Taken(Expression test)
        {
            reader.Take();
            return test;
        }
    }

    private static Expression Compare(TokenReader reader)
    {
        var left = Range(reader);
        var at = reader.Position;
        return ComparisonOf(reader.Current) is { } comparison ? new ComparisonExpression(at, comparison, left, RightSide(reader)) : left;
    }

    private static Expression RightSide(TokenReader reader)
    {
        reader.Take();
        return Range(reader);
    }

    private static ComparisonKind? ComparisonOf(Token token) => token.Kind != TokenKind.Operator
        ? null
        : token.Text switch
        {
            "=" => ComparisonKind.Equal,
            "<>" => ComparisonKind.NotEqual,
            "<" => ComparisonKind.Less,
            ">" => ComparisonKind.Greater,
            "<=" => ComparisonKind.LessOrEqual,
            ">=" => ComparisonKind.GreaterOrEqual,
            _ => null,
        };

    /// <summary>[NOT] BETWEEN and [NOT] IN; they bind tighter than comparisons and do not chain.</summary>
    private static Expression Range(TokenReader reader)
    {
        var operand = ValueParser.Read(reader);
        var at = reader.Position;
        var isNegated = reader.IsWord("not") && (reader.Next.IsWord("between") || reader.Next.IsWord("in"));
        if (isNegated)
        {
            reader.Take();
        }

        if (reader.TakeWord("between"))
        {
            if (reader.IsWord("symmetric"))
            {
                reader.Refuse();
            }

            reader.TakeWord("asymmetric");
            var low = ValueParser.Read(reader);
            reader.ExpectWord("and");
            return new BetweenExpression(at, operand, low, ValueParser.Read(reader), isNegated);
        }

        return reader.TakeWord("in") ? new InListExpression(at, operand, Items(reader), isNegated) : operand;
    }

    private static SyntaxList<Expression> Items(TokenReader reader)
    {
        reader.ExpectPunctuation("(");
        if (QueryGate.StartsQuery(reader.Current))
        {
            throw reader.NotCovered(Reasons.Subqueries);
        }

        var items = new List<Expression>();
        do
        {
            items.Add(Read(reader));
        }
        while (reader.TakePunctuation(","));
        Close(reader);
        return [.. items];
    }

    internal static void Close(TokenReader reader)
    {
        if (!reader.TakePunctuation(")"))
        {
            reader.Refuse();
        }
    }
}
