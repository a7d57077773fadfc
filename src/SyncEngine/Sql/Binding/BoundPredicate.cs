using System.Collections.Immutable;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Binding;

/// <summary>
/// A condition over one row: a closed set, with columns by attnum and operands by index. It is three-valued as in SQL; a row is in the
/// result when the condition is true.
/// </summary>
/// <remarks>BETWEEN, NOT IN and IS NOT have no record of their own. They are expressed by the others, as PostgreSQL itself does.</remarks>
public abstract record BoundPredicate
{
    private protected BoundPredicate()
    {
    }

    /// <summary>Writes its part of the template's key: all but the operands' values. Two conditions with one key are matched together.</summary>
    internal abstract void WriteKey(TemplateKeyWriter key);
}

/// <summary>TRUE, FALSE, or NULL for unknown.</summary>
public sealed record ConstantPredicate(bool? Value) : BoundPredicate
{
    internal override void WriteKey(TemplateKeyWriter key) => key.Text(Value switch { true => "true", false => "false", null => "null" });
}

/// <summary>A boolean column by itself; NULL is unknown.</summary>
public sealed record ColumnPredicate(short Column) : BoundPredicate
{
    internal override void WriteKey(TemplateKeyWriter key) => key.Column(Column);
}

/// <summary>A comparison of a column with an operand. Unknown when either is NULL.</summary>
/// <param name="Operand">Index into <see cref="BoundSelect.Operands"/>.</param>
public sealed record ComparePredicate(short Column, ComparisonKind Operator, int Operand) : BoundPredicate
{
    internal override void WriteKey(TemplateKeyWriter key) =>
        key.Text("(").Column(Column).Text(SyntaxPrinter.Symbol(Operator)).Operands(Operand).Text(")");
}

/// <summary>True when the column equals an operand, else unknown when the column or an operand is NULL, else false.</summary>
public sealed record InPredicate(short Column, ImmutableArray<int> Operands) : BoundPredicate
{
    internal override void WriteKey(TemplateKeyWriter key) => key.Text("(in ").Column(Column).Operands([.. Operands]).Text(")");
}

/// <summary>IS NULL. Never unknown.</summary>
public sealed record IsNullPredicate(short Column) : BoundPredicate
{
    internal override void WriteKey(TemplateKeyWriter key) => key.Text("(null ").Column(Column).Text(")");
}

/// <summary>IS DISTINCT FROM: NULL is a value like others. Never unknown.</summary>
public sealed record DistinctPredicate(short Column, int Operand) : BoundPredicate
{
    internal override void WriteKey(TemplateKeyWriter key) => key.Text("(distinct ").Column(Column).Operands(Operand).Text(")");
}

/// <summary>IS TRUE, IS FALSE, IS UNKNOWN. Never unknown.</summary>
public sealed record TruthPredicate(BoundPredicate Operand, TruthValue Value) : BoundPredicate
{
    internal override void WriteKey(TemplateKeyWriter key) => key.Conditions($"is{Value}", Operand);
}

public sealed record NotPredicate(BoundPredicate Operand) : BoundPredicate
{
    internal override void WriteKey(TemplateKeyWriter key) => key.Conditions("not", Operand);
}

public sealed record AndPredicate(ImmutableArray<BoundPredicate> Operands) : BoundPredicate
{
    internal override void WriteKey(TemplateKeyWriter key) => key.Conditions("and", [.. Operands]);
}

public sealed record OrPredicate(ImmutableArray<BoundPredicate> Operands) : BoundPredicate
{
    internal override void WriteKey(TemplateKeyWriter key) => key.Conditions("or", [.. Operands]);
}
