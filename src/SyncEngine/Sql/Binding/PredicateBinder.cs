using System.Collections.Immutable;
using System.Diagnostics;
using SyncEngine.Catalog;
using SyncEngine.Sql.Syntax;
using SyncEngine.Values;

namespace SyncEngine.Sql.Binding;

/// <summary>Converts a condition to a predicate. A comparison has a column on one side and a literal or parameter on the other.</summary>
sealed class PredicateBinder(TableScope scope, OperandBinder operands)
{
    public BoundPredicate Bind(Expression expression) => expression switch
    {
        BooleanLiteral literal => new ConstantPredicate(literal.Value),
        NullLiteral => new ConstantPredicate(null),
        ColumnReference column => new ColumnPredicate(BooleanColumn(column).Number),
        ComparisonExpression comparison => Compare(comparison),
        InListExpression inList => Negated(In(inList), inList.IsNegated),
        BetweenExpression between => Range(between),
        NullTestExpression test => Negated(IsNull(test), test.IsNegated),
        TruthTestExpression test => Negated(new TruthPredicate(Bind(test.Operand), test.Value), test.IsNegated),
        DistinctTestExpression test => Negated(Distinct(test), test.IsNegated),
        NotExpression not => new NotPredicate(Bind(not.Operand)),
        AndExpression conjunction => new AndPredicate([.. conjunction.Conditions.Select(Bind)]),
        OrExpression disjunction => new OrPredicate([.. disjunction.Conditions.Select(Bind)]),
        NumberLiteral or StringLiteral or ParameterReference or CastExpression =>
            throw Refuse("a constant as a condition is answered by PostgreSQL", expression),
        _ => throw new UnreachableException(expression.GetType().Name),
    };

    private static BoundPredicate Negated(BoundPredicate predicate, bool isNegated) => isNegated ? new NotPredicate(predicate) : predicate;

    private ComparePredicate Compare(ComparisonExpression comparison)
    {
        var (column, operand, isFlipped) = Sides(comparison.Left, comparison.Right, comparison);

        // With transform_null_equals on, = NULL means IS NULL.
        if (operand is NullLiteral && comparison.Operator == ComparisonKind.Equal)
        {
            throw Refuse("a comparison with NULL is answered by PostgreSQL", comparison);
        }

        var comparisonOperator = isFlipped ? Flip(comparison.Operator) : comparison.Operator;
        var bound = Comparable(column, needsOrder: comparisonOperator is not (ComparisonKind.Equal or ComparisonKind.NotEqual));
        return new ComparePredicate(bound.Number, comparisonOperator, operands.Bind(operand, bound));
    }

    private InPredicate In(InListExpression inList)
    {
        var column = Comparable(Column(inList.Operand), needsOrder: false);
        return new InPredicate(column.Number, [.. inList.Items.Select(item => operands.Bind(item, column))]);
    }

    private BoundPredicate Range(BetweenExpression between)
    {
        var column = Comparable(Column(between.Operand), needsOrder: true);
        var low = operands.Bind(between.Low, column);
        var high = operands.Bind(between.High, column);
        return between.IsNegated
            ? new OrPredicate([Is(ComparisonKind.Less, low), Is(ComparisonKind.Greater, high)])
            : new AndPredicate([Is(ComparisonKind.GreaterOrEqual, low), Is(ComparisonKind.LessOrEqual, high)]);

        ComparePredicate Is(ComparisonKind kind, int operand) => new(column.Number, kind, operand);
    }

    /// <summary>IS NULL of a column, or of a condition, where it is the same as IS UNKNOWN.</summary>
    private BoundPredicate IsNull(NullTestExpression test) => test.Operand is ColumnReference reference
        ? IsNull(scope.Resolve(reference), reference)
        : new TruthPredicate(Bind(test.Operand), TruthValue.Unknown);

    private static IsNullPredicate IsNull(Column column, ColumnReference reference)
    {
        // ROW(1, NULL) is neither NULL nor NOT NULL.
        var isComposite = column.Type.Underlying.Kind == SqlTypeKind.Composite;
        return isComposite || !column.IsStreamed
            ? throw Refuse($"the column \"{column.Name}\" is tested by PostgreSQL", reference)
            : new IsNullPredicate(column.Number);
    }

    private DistinctPredicate Distinct(DistinctTestExpression test)
    {
        var (reference, operand, _) = Sides(test.Left, test.Right, test);
        var column = Comparable(reference, needsOrder: false);
        return new DistinctPredicate(column.Number, operands.Bind(operand, column));
    }

    private static (ColumnReference Column, Expression Operand, bool IsFlipped) Sides(Expression left, Expression right, Expression whole)
    {
        return (left, right) switch
        {
            (ColumnReference, ColumnReference) => throw Refuse("comparisons between columns are answered by PostgreSQL", whole),
            (ColumnReference column, _) => (column, right, false),
            (_, ColumnReference column) => (column, left, true),
            _ => throw Refuse("comparisons without a column are answered by PostgreSQL", whole),
        };
    }

    private static ColumnReference Column(Expression expression) =>
        expression as ColumnReference ?? throw Refuse("comparisons without a column are answered by PostgreSQL", expression);

    private Column BooleanColumn(ColumnReference reference)
    {
        var column = Comparable(reference, needsOrder: false);
        return column.Type.Oid == TypeOid.Bool ? column : throw Refuse($"the column \"{column.Name}\" is not boolean", reference);
    }

    private Column Comparable(ColumnReference reference, bool needsOrder)
    {
        var column = scope.Resolve(reference);
        if (!column.IsStreamed)
        {
            throw Refuse($"the column \"{column.Name}\" is not in the stream", reference);
        }

        if (!ComparableTypes.IsComparable(column.Type.Oid))
        {
            throw Refuse($"conditions on type {column.Type.DisplayName} are answered by PostgreSQL", reference);
        }

        if (ComparableTypes.IsText(column.Type.Oid) && !(needsOrder ? column.HasByteOrder : column.HasByteEquality))
        {
            throw Refuse($"the collation of column \"{column.Name}\" is applied by PostgreSQL", reference);
        }

        return column;
    }

    private static ComparisonKind Flip(ComparisonKind comparison) => comparison switch
    {
        ComparisonKind.Less => ComparisonKind.Greater,
        ComparisonKind.Greater => ComparisonKind.Less,
        ComparisonKind.LessOrEqual => ComparisonKind.GreaterOrEqual,
        ComparisonKind.GreaterOrEqual => ComparisonKind.LessOrEqual,
        _ => comparison,
    };

    private static NotCoveredException Refuse(string reason, Expression at) => new(reason, at.At.Character);
}
