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

/// <summary>
/// Filter and projection of one table, maintained from the stream alone. The key is the table's replica identity, which every change carries.
/// </summary>
/// <param name="Template">Plans with the same text differ in operands only, and are matched together.</param>
/// <param name="Columns">The columns needed of a tuple; everything below are indices into it.</param>
/// <param name="Output">The result's columns in order.</param>
/// <param name="Key">The key's columns in the order of the plan's key.</param>
public sealed record SingleTablePlan(
    uint RelationOid,
    string Template,
    ImmutableArray<StreamedColumn> Columns,
    ImmutableArray<int> Output,
    ImmutableArray<int> Key,
    Predicate Predicate,
    IndexedEquality? Equality,
    ImmutableArray<Operand> Operands) : TierPlan
{
    public override string Mode => "incremental";

    public override string TemplateKey => Template;

    public override RowIndex Index => new(Equality is { } equality ? Columns[equality.Column].Name : null, Equality?.Operands.Length ?? 0);

    internal override bool IsReadOnChange => false;

    internal override bool IsQuickToRead => true;

    internal override ImmutableArray<int>? ResultKey => [.. Key.Select(needed => Output.IndexOf(needed))];

    public override ImmutableArray<string>? ColumnsOf(uint relationOid) =>
        relationOid == RelationOid ? [.. Columns.Select(column => column.Name)] : null;

    /// <summary>The operands of one query, in the order of <see cref="Operands"/>.</summary>
    /// <param name="parameters">Canonical texts of $1, $2, …</param>
    public byte[]?[] OperandsOf(ImmutableArray<string?> parameters) =>
        [.. Operands.Select(operand => operand.Parameter is not { } index ? operand.Literal : parameters[index] is { } text ? Encoding.UTF8.GetBytes(text) : null)];
}
