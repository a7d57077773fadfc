using System.Collections.Immutable;
using SyncEngine.Catalog;
using SyncEngine.Values;

namespace SyncEngine.Sql.Binding;

/// <summary>The engine's reading of a query: filter and projection of one table. Valid where PostgreSQL's description agrees.</summary>
/// <param name="Where">Null for all rows.</param>
/// <param name="Operands">Operands in the order in which they are written; the predicate refers to them by index.</param>
public sealed record BoundSelect(
    Table Table, ImmutableArray<BoundColumn> Output, BoundPredicate? Where, ImmutableArray<BoundOperand> Operands);

/// <summary>A column of the result.</summary>
/// <param name="Ordinal">Index into <see cref="Table.Columns"/>.</param>
public sealed record BoundColumn(int Ordinal, string Label);

/// <summary>An operand lifted out of the query. Every occurrence is an operand of its own.</summary>
/// <param name="Column">The column that it is compared with.</param>
/// <param name="Type">
/// The type that its text is read as: the column's. A parameter gets the type that PostgreSQL inferred, once that is known. That may be
/// another width of integer, or text beside varchar, since its value need not fit the column.
/// </param>
public sealed record BoundOperand(Column Column, SqlType Type, OperandSource Source);

/// <summary>The source of an operand's value; a closed set.</summary>
public abstract record OperandSource;

/// <summary><c>$n</c></summary>
/// <param name="CastTo">OID of the type that the query casts it to; null without a cast.</param>
public sealed record ParameterSource(int Number, uint? CastTo) : OperandSource;

/// <summary>A value written in the query. The text is well formed for the operand's type, not yet canonical; null for NULL.</summary>
public sealed record LiteralSource(string? Text) : OperandSource;
