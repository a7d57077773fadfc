namespace SyncEngine.Tiers.SingleTable.Predicates;

/// <summary>
/// A condition over one row, with the meaning that it has in a WHERE of PostgreSQL: three-valued. Columns are named by ordinal, values by
/// their index in the operands.
/// </summary>
/// <remarks>
/// A closed set: the connectives, <see cref="Constant"/>, <see cref="Comparison"/>, <see cref="ColumnComparison"/>, <see cref="InList"/>,
/// <see cref="Between"/>, <see cref="NullTest"/>, <see cref="BooleanColumn"/> and <see cref="BooleanTest"/>. None of them can fail on
/// canonical text, so the order of evaluation has no effect. Immutable and shared; evaluating allocates nothing.
/// </remarks>
public abstract record Predicate
{
    private protected Predicate()
    {
    }

    /// <summary>The ordinals of the columns it reads; some may come more than once.</summary>
    public abstract IEnumerable<int> Columns { get; }

    /// <param name="operands">Canonical texts in UTF-8, by index; null is SQL's NULL.</param>
    public abstract Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands);
}
