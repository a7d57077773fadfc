namespace SyncEngine.Sql.Syntax;

/// <summary>An expression as it is written, before names and types are known; a closed set.</summary>
public abstract record Expression(SourcePosition At);

public sealed record ColumnReference(SourcePosition At, string? Schema, string? Table, string Name) : Expression(At);

/// <param name="Text">As written, a minus sign first when it is negative.</param>
/// <param name="IsInteger">Without point and exponent.</param>
public sealed record NumberLiteral(SourcePosition At, string Text, bool IsInteger) : Expression(At);

public sealed record StringLiteral(SourcePosition At, string Value) : Expression(At);

public sealed record BooleanLiteral(SourcePosition At, bool Value) : Expression(At);

public sealed record NullLiteral(SourcePosition At) : Expression(At);

/// <summary><c>$n</c></summary>
public sealed record ParameterReference(SourcePosition At, int Number) : Expression(At);

/// <summary>A literal or parameter with a type, in any of the three notations.</summary>
public sealed record CastExpression(SourcePosition At, Expression Operand, TypeName Type) : Expression(At);

/// <summary>A type's name. SQL's own spellings (integer, character varying) are those of the catalog, in pg_catalog.</summary>
/// <param name="Modifier">The text in the parentheses after it.</param>
public sealed record TypeName(string? Schema, string Name, string? Modifier);

public enum ComparisonKind
{
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

public sealed record ComparisonExpression(SourcePosition At, ComparisonKind Operator, Expression Left, Expression Right) : Expression(At);

public sealed record InListExpression(SourcePosition At, Expression Operand, SyntaxList<Expression> Items, bool IsNegated) : Expression(At);

public sealed record BetweenExpression(SourcePosition At, Expression Operand, Expression Low, Expression High, bool IsNegated)
    : Expression(At);

public sealed record NullTestExpression(SourcePosition At, Expression Operand, bool IsNegated) : Expression(At);

public enum TruthValue
{
    False,
    Unknown,
    True,
}

public sealed record TruthTestExpression(SourcePosition At, Expression Operand, TruthValue Value, bool IsNegated) : Expression(At);

public sealed record DistinctTestExpression(SourcePosition At, Expression Left, Expression Right, bool IsNegated) : Expression(At);

public sealed record NotExpression(SourcePosition At, Expression Operand) : Expression(At);

/// <summary>Two or more conditions joined by AND; none of them is an AND itself.</summary>
public sealed record AndExpression(SourcePosition At, SyntaxList<Expression> Conditions) : Expression(At)
{
    public static Expression Of(IReadOnlyList<Expression> conditions) =>
        conditions.Count == 1
            ? conditions[0]
            : new AndExpression(conditions[0].At, [.. conditions.SelectMany(Terms)]);

    private static IReadOnlyList<Expression> Terms(Expression condition) =>
        condition is AndExpression inner ? inner.Conditions : [condition];
}

/// <summary>Two or more conditions joined by OR; none of them is an OR itself.</summary>
public sealed record OrExpression(SourcePosition At, SyntaxList<Expression> Conditions) : Expression(At)
{
    public static Expression Of(IReadOnlyList<Expression> conditions) =>
        conditions.Count == 1
            ? conditions[0]
            : new OrExpression(conditions[0].At, [.. conditions.SelectMany(Terms)]);

    private static IReadOnlyList<Expression> Terms(Expression condition) =>
        condition is OrExpression inner ? inner.Conditions : [condition];
}
