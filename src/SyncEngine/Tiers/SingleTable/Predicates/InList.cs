using System.Collections.Immutable;
using SyncEngine.Values;

namespace SyncEngine.Tiers.SingleTable.Predicates;

/// <summary><c>column [NOT] IN (operand, …)</c>: a NULL in the list makes a miss unknown.</summary>
/// <param name="Operands">Indexes in the operands.</param>
public sealed record InList(int Column, ImmutableArray<int> Operands, bool IsNegated, ValueComparer Comparer) : Predicate
{
    public override IEnumerable<int> Columns => [Column];

    public override Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands)
    {
        var result = Truth.False;
        foreach (var operand in Operands)
        {
            result = TruthLogic.Or(result, Comparison.Evaluate(row, Column, ComparisonOperator.Equal, operands[operand], Comparer));
            if (result == Truth.True)
            {
                break;
            }
        }

        return IsNegated ? TruthLogic.Not(result) : result;
    }
}
