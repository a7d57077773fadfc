using System.Collections.Immutable;
using SyncEngine.Permissions;
using SyncEngine.Values;

namespace SyncEngine.Ports;

/// <summary>A name in a query's text that may be a function call: an identifier before a parenthesis, or a keyword such as <c>current_date</c>.</summary>
/// <param name="Schema">The schema it was qualified with; null for none.</param>
/// <param name="Name">Folded as PostgreSQL folds identifiers.</param>
/// <param name="Position">Where, in characters, 1-based, into the text given to <see cref="IQueryAnalyst.DescribeAsync"/>.</param>
public sealed record FunctionCall(string? Schema, string Name, int Position);

/// <summary>A column of a result as PostgreSQL describes it.</summary>
/// <param name="TableOid">The table it is a plain column of, else zero.</param>
/// <param name="ColumnNumber">That column's attnum, else zero.</param>
/// <param name="IsNullable">False only where it is certain: a plain NOT NULL column of a table in a query without outer joins and grouping sets.</param>
public sealed record ResultColumn(string Name, SqlType Type, int TypeModifier, uint TableOid, short ColumnNumber, bool IsNullable);

/// <summary>What PostgreSQL says of a query, under the caller's role.</summary>
/// <param name="Parameters">The types of $1, $2, … as PostgreSQL inferred them.</param>
/// <param name="Tables">OIDs of every table, partition and child that an execution may read, views and policies expanded; all of them are streamed.</param>
/// <param name="Views">OIDs of the views in between: their definitions are part of the answer.</param>
/// <param name="HasRowSecurity">Policies apply to this role: the answer depends on the claims.</param>
/// <param name="ReadsClock">It calls now() or one of its family, directly or in a view, policy or user's function: the answer changes by itself.</param>
/// <param name="HasOpaqueFunctions">It calls stable functions written by users, whose reads are not known: any change may change the answer. Plain SQL functions that name no table (such as one that picks a claim) are not among them.</param>
public sealed record QueryDescription(
    ImmutableArray<SqlType> Parameters,
    ImmutableArray<ResultColumn> Columns,
    ImmutableArray<uint> Tables,
    ImmutableArray<uint> Views,
    bool HasRowSecurity,
    bool ReadsClock,
    bool HasOpaqueFunctions)
{
    /// <summary>It calls a function that may read settings (current_setting, or any stable one written by a user): the answer depends on the claims.</summary>
    public bool ReadsSettings { get; init; }
}

/// <summary>Asks PostgreSQL what a query means and whether this principal may run it. Nothing is executed.</summary>
public interface IQueryAnalyst
{
    /// <param name="sql">One SELECT that passed the gate, printed from its tokens.</param>
    /// <param name="functions">Every candidate for a function call in it. Names that PostgreSQL does not know are left for it to refuse.</param>
    /// <exception cref="Errors.SyncException">What PostgreSQL refused, by its SQLSTATE, with the position into <paramref name="sql"/>; not_published for tables whose changes cannot be seen; sql_unsupported for volatile or denied functions.</exception>
    Task<QueryDescription> DescribeAsync(string sql, IReadOnlyList<FunctionCall> functions, Principal principal, CancellationToken cancellationToken);

    /// <summary>
    /// Puts values through PostgreSQL's input and output functions: each text as its type would print it.
    /// </summary>
    /// <exception cref="Errors.SyncException">type_mismatch, naming the parameter.</exception>
    Task<IReadOnlyList<string?>> CanonicaliseAsync(IReadOnlyList<(SqlType Type, string? Text)> values, CancellationToken cancellationToken);
}
