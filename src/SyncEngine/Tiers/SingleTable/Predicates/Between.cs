using SyncEngine.Values;

namespace SyncEngine.Tiers.SingleTable.Predicates;

/// <summary><c>column [NOT] BETWEEN $low AND $high</c>, both ends included.</summary>
/// <param name="Low">Index of the lower end in the operands.</param>
/// <param name="High">Index of the upper end in the operands.</param>
public sealed record Between(int Column, int Low, int High, bool IsNegated, ValueComparer Comparer) : Predicate
{
    public override IEnumerable<int> Columns => [Column];

    public override Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands)
    {
        var result = TruthLogic.And(
            Comparison.Evaluate(row, Column, ComparisonOperator.GreaterOrEqual, operands[Low], Comparer),
            Comparison.Evaluate(row, Column, ComparisonOperator.LessOrEqual, operands[High], Comparer));
        return IsNegated ? TruthLogic.Not(result) : result;
    }
}
