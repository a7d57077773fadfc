using SyncEngine.Changes;
using SyncEngine.Values;

namespace SyncEngine.Tiers.SingleTable.Predicates;

/// <summary><c>column IS DISTINCT FROM operand</c>: NULL is a value like others. Never unknown.</summary>
public sealed record DistinctFrom(int Column, int Operand, ValueComparer Comparer) : Predicate
{
    public override IEnumerable<int> Columns => [Column];

    public override Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands)
    {
        var operand = operands[Operand];
        return row.Kind(Column) switch
        {
            ColumnKind.Null => TruthLogic.Of(operand is not null),
            ColumnKind.Unchanged => operand is null ? Truth.True : Truth.Undecidable,
            _ => TruthLogic.Of(operand is null || !Comparer.AreEqual(row.Text(Column), operand)),
        };
    }
}
