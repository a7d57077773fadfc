using System.Collections.Immutable;
using SyncEngine.Sql.Catalog;
using SyncEngine.Values;

namespace SyncEngine.Sql.Binding;

/// <summary>A query whose meaning is known to be PostgreSQL's: filter and projection of one table.</summary>
/// <param name="Where">Null for all rows.</param>
/// <param name="Slots">Operands in the order in which they are written; the predicate refers to them by index.</param>
public sealed record BoundSelect(Table Table, ImmutableArray<OutputColumn> Output, Predicate? Where, ImmutableArray<Slot> Slots);

/// <param name="Ordinal">Index into <see cref="Table.Columns"/>.</param>
public sealed record OutputColumn(int Ordinal, string Label);

/// <summary>An operand lifted out of the query. Every occurrence is a slot of its own.</summary>
/// <param name="Type">
/// The type that its text is read as: the compared column's, except that a parameter keeps the type that PostgreSQL gave it (another width of integer, or text
/// beside varchar), since its value need not fit the column.
/// </param>
public sealed record Slot(SqlType Type, SlotSource Source);

/// <summary>A closed set: where a slot's value comes from.</summary>
public abstract record SlotSource;

/// <summary><c>$n</c></summary>
public sealed record ParameterSource(int Number) : SlotSource;

/// <summary>Written in the query. The text is well formed for the slot's type, not yet in canonical form; null for NULL.</summary>
public sealed record LiteralSource(string? Text) : SlotSource;
