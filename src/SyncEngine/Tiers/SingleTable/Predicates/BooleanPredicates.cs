using System.Diagnostics;
using SyncEngine.Changes;

namespace SyncEngine.Tiers.SingleTable.Predicates;

/// <summary>A column of type bool as a condition by itself.</summary>
public sealed record BooleanColumn(int Column) : Predicate
{
    public override IEnumerable<int> Columns => [Column];

    public override Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands) => row.Kind(Column) switch
    {
        ColumnKind.Null => Truth.Unknown,
        ColumnKind.Unchanged => Truth.Undecidable,
        ColumnKind.Text => TruthLogic.Of(row.Text(Column) is [(byte)'t']),
        _ => throw new UnreachableException(),
    };
}

/// <summary><c>term IS [NOT] TRUE</c>, <c>FALSE</c> or <c>UNKNOWN</c>: never unknown itself.</summary>
/// <param name="Expected">False, Unknown or True.</param>
public sealed record BooleanTest(Predicate Term, Truth Expected, bool IsNegated) : Predicate
{
    public override IEnumerable<int> Columns => Term.Columns;

    public override Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands)
    {
        var value = Term.Evaluate(row, operands);
        return value == Truth.Undecidable ? value : TruthLogic.Of((value == Expected) != IsNegated);
    }
}
