using SyncEngine.Changes;

namespace SyncEngine.Tiers.SingleTable.Predicates;

/// <summary><c>column IS [NOT] NULL</c>; not for composites, where neither may hold.</summary>
public sealed record NullTest(int Column, bool IsNegated) : Predicate
{
    public override IEnumerable<int> Columns => [Column];

    // An unchanged out-of-line value is not in the message, but it is a value: NULL is always sent as NULL.
    public override Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands) =>
        TruthLogic.Of((row.Kind(Column) == ColumnKind.Null) != IsNegated);
}
