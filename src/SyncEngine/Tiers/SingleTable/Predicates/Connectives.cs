using System.Collections.Immutable;

namespace SyncEngine.Tiers.SingleTable.Predicates;

/// <summary>All of the terms; true when there are none.</summary>
public sealed record And(ImmutableArray<Predicate> Terms) : Predicate
{
    public override IEnumerable<int> Columns => Terms.SelectMany(term => term.Columns);

    public override Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands)
    {
        var result = Truth.True;
        foreach (var term in Terms)
        {
            result = TruthLogic.And(result, term.Evaluate(row, operands));
            if (result == Truth.False)
            {
                break;
            }
        }

        return result;
    }
}

/// <summary>Any of the terms; false when there are none.</summary>
public sealed record Or(ImmutableArray<Predicate> Terms) : Predicate
{
    public override IEnumerable<int> Columns => Terms.SelectMany(term => term.Columns);

    public override Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands)
    {
        var result = Truth.False;
        foreach (var term in Terms)
        {
            result = TruthLogic.Or(result, term.Evaluate(row, operands));
            if (result == Truth.True)
            {
                break;
            }
        }

        return result;
    }
}

public sealed record Not(Predicate Term) : Predicate
{
    public override IEnumerable<int> Columns => Term.Columns;

    public override Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands) => TruthLogic.Not(Term.Evaluate(row, operands));
}

/// <summary>TRUE, FALSE, or NULL as <see cref="Truth.Unknown"/>.</summary>
public sealed record Constant(Truth Value) : Predicate
{
    public override IEnumerable<int> Columns => [];

    public override Truth Evaluate(in RowView row, ReadOnlySpan<byte[]?> operands) => Value;
}
