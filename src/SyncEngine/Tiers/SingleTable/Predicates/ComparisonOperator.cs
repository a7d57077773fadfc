using System.Diagnostics;
using SyncEngine.Values;

namespace SyncEngine.Tiers.SingleTable.Predicates;

public enum ComparisonOperator
{
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

static class ComparisonOperators
{
    /// <summary>Applies the operator to two values that are not NULL.</summary>
    public static Truth Apply(
        this ComparisonOperator @operator, ValueComparer comparer, ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        TruthLogic.Of(@operator switch
        {
            ComparisonOperator.Equal => comparer.AreEqual(left, right),
            ComparisonOperator.NotEqual => !comparer.AreEqual(left, right),
            ComparisonOperator.Less => comparer.Compare(left, right) < 0,
            ComparisonOperator.Greater => comparer.Compare(left, right) > 0,
            ComparisonOperator.LessOrEqual => comparer.Compare(left, right) <= 0,
            ComparisonOperator.GreaterOrEqual => comparer.Compare(left, right) >= 0,
            _ => throw new UnreachableException(),
        });
}
