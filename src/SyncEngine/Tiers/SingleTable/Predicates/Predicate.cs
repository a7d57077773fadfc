namespace SyncEngine.Tiers.SingleTable.Predicates;

/// <summary>
/// A condition over one row, with the meaning it has in a WHERE of PostgreSQL: three-valued, columns by ordinal,
/// values by index in the operands.
/// </summary>
/// <remarks>
/// A closed set: the records of this folder. None of them can fail on canonical text, so the order of evaluation cannot be seen.
/// Immutable and shared; evaluating allocates nothing.
/// </remarks>
public abstract record Predicate
{
    private protected Predicate()
    {
    }

    /// <summary>The ordinals of the columns it reads; some may come more than once.</summary>
    public abstract IEnumerable<int> Columns { get; }

    /// <param name="operands">Canonical texts in UTF-8; null is SQL's NULL.</param>
    public abstract Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands);
}
