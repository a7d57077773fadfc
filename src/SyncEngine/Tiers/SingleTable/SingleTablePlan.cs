using System.Collections.Immutable;
using System.Text;
using SyncEngine.Tiers.SingleTable.Predicates;
using SyncEngine.Values;

namespace SyncEngine.Tiers.SingleTable;

/// <summary>A column that the plan needs from the stream; recognised by name, type and modifier in each Relation message.</summary>
public sealed record StreamedColumn(string Name, SqlType Type, int TypeModifier);

/// <summary>An equality that every row of the result satisfies: the way from a row to the queries it can belong to.</summary>
/// <param name="Column">Index into <see cref="SingleTablePlan.Columns"/>.</param>
/// <param name="Operands">Indices of operands; the column equals one of them.</param>
public sealed record IndexedEquality(int Column, ImmutableArray<int> Operands, ValueComparer Comparer);

/// <summary>The source of a predicate's operand: a parameter by its index, or the canonical text of a literal (null for NULL).</summary>
public sealed record Operand(int? Parameter, byte[]? Literal);

/// <summary>The columns that the plan takes from a tuple.</summary>
/// <param name="Columns">The columns needed; every other index of the plan points into this list.</param>
/// <param name="Output">The result's columns in order.</param>
/// <param name="Key">The key's columns in the order of the plan's key.</param>
public sealed record RowProjection(ImmutableArray<StreamedColumn> Columns, ImmutableArray<int> Output, ImmutableArray<int> Key);

/// <summary>The condition that a row satisfies, and its operands.</summary>
/// <param name="Equality">The equality that indexes the results; null when every row is tried against each result.</param>
public sealed record RowFilter(Predicate Predicate, IndexedEquality? Equality, ImmutableArray<Operand> Operands);

/// <summary>
/// Filter and projection of one table, maintained from the stream alone. The key is the table's replica identity: every change has it.
/// </summary>
/// <param name="Template">Plans with the same text differ in operands only, and are matched together.</param>
public sealed record SingleTablePlan(uint RelationOid, string Template, RowProjection Projection, RowFilter Filter) : TierPlan
{
    public ImmutableArray<StreamedColumn> Columns => Projection.Columns;

    public ImmutableArray<int> Output => Projection.Output;

    public ImmutableArray<int> Key => Projection.Key;

    public Predicate Predicate => Filter.Predicate;

    public IndexedEquality? Equality => Filter.Equality;

    public ImmutableArray<Operand> Operands => Filter.Operands;

    public override string Mode => "incremental";

    public override string TemplateKey => Template;

    public override RowIndex Index => new(Equality is { } equality ? Columns[equality.Column].Name : null, Equality?.Operands.Length ?? 0);

    internal override bool IsReadOnChange => false;

    internal override bool MayReadClaims => false;

    internal override bool IsQuickToRead => true;

    internal override ImmutableArray<int>? ResultKey => [.. Key.Select(needed => Output.IndexOf(needed))];

    public override ImmutableArray<string>? ColumnsOf(uint relationOid) =>
        relationOid == RelationOid ? [.. Columns.Select(column => column.Name)] : null;

    /// <summary>The operands of one query, in the order of <see cref="Operands"/>.</summary>
    /// <param name="parameters">Canonical texts of $1, $2, …</param>
    public byte[]?[] OperandsOf(ImmutableArray<string?> parameters) =>
        [.. Operands.Select(operand => operand.Parameter is { } index ? Utf8Of(parameters[index]) : operand.Literal)];

    private static byte[]? Utf8Of(string? text) => text is null ? null : Encoding.UTF8.GetBytes(text);
}
