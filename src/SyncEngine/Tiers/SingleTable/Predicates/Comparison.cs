using SyncEngine.Changes;
using SyncEngine.Values;

namespace SyncEngine.Tiers.SingleTable.Predicates;

/// <summary><c>column operator operand</c></summary>
/// <param name="Operand">Index in the operands.</param>
public sealed record Comparison(int Column, ComparisonOperator Operator, int Operand, ValueComparer Comparer) : Predicate
{
    public override IEnumerable<int> Columns => [Column];

    public override Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands) =>
        Evaluate(row, Column, Operator, operands[Operand], Comparer);

    /// <summary>NULL on either side is unknown, whatever the other side is.</summary>
    internal static Truth Evaluate(in RowView row, int column, ComparisonOperator @operator, byte[]? operand, ValueComparer comparer)
    {
        var kind = row.Kind(column);
        if (operand is null || kind == ColumnKind.Null)
        {
            return Truth.Unknown;
        }

        return kind == ColumnKind.Unchanged ? Truth.Undecidable : @operator.Apply(comparer, row.Text(column), operand);
    }
}

/// <summary><c>column operator column</c>, both of types that share the comparer.</summary>
public sealed record ColumnComparison(int Left, ComparisonOperator Operator, int Right, ValueComparer Comparer) : Predicate
{
    public override IEnumerable<int> Columns => [Left, Right];

    public override Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands)
    {
        var left = row.Kind(Left);
        var right = row.Kind(Right);
        if (left == ColumnKind.Null || right == ColumnKind.Null)
        {
            return Truth.Unknown;
        }

        return left == ColumnKind.Unchanged || right == ColumnKind.Unchanged
            ? Truth.Undecidable
            : Operator.Apply(Comparer, row.Text(Left), row.Text(Right));
    }
}
