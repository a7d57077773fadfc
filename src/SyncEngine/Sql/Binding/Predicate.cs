using System.Collections.Immutable;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Binding;

/// <summary>
/// A closed set: a condition over one row, with columns by attnum and operands by slot. Three-valued, as SQL has it; a row is in the result when it is true.
/// BETWEEN, NOT IN and IS NOT are gone: they are said with the others, as PostgreSQL itself does.
/// </summary>
public abstract record Predicate;

/// <summary>TRUE, FALSE, or NULL for unknown.</summary>
public sealed record ConstantPredicate(bool? Value) : Predicate;

/// <summary>A boolean column by itself; NULL is unknown.</summary>
public sealed record ColumnPredicate(short Column) : Predicate;

/// <summary>Unknown when the column or the operand is NULL.</summary>
/// <param name="Slot">Index into <see cref="BoundSelect.Slots"/>.</param>
public sealed record ComparePredicate(short Column, ComparisonOperator Operator, int Slot) : Predicate;

/// <summary>True when the column equals a slot, else unknown when the column or a slot is NULL, else false.</summary>
public sealed record InPredicate(short Column, ImmutableArray<int> Slots) : Predicate;

/// <summary>Never unknown.</summary>
public sealed record IsNullPredicate(short Column) : Predicate;

/// <summary>IS DISTINCT FROM: NULL is a value like others. Never unknown.</summary>
public sealed record DistinctPredicate(short Column, int Slot) : Predicate;

/// <summary>IS TRUE, IS FALSE, IS UNKNOWN. Never unknown.</summary>
public sealed record TruthPredicate(Predicate Operand, TruthValue Value) : Predicate;

public sealed record NotPredicate(Predicate Operand) : Predicate;

public sealed record AndPredicate(ImmutableArray<Predicate> Operands) : Predicate;

public sealed record OrPredicate(ImmutableArray<Predicate> Operands) : Predicate;
