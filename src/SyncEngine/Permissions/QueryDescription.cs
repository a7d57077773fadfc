using System.Collections.Immutable;
using SyncEngine.Values;

namespace SyncEngine.Permissions;

/// <summary>A column of a result as PostgreSQL describes it.</summary>
/// <param name="TableOid">The table whose plain column it is, else zero.</param>
/// <param name="ColumnNumber">That column's attnum, else zero.</param>
/// <param name="IsNullable">
/// False only where it is certain: a plain NOT NULL column of a table in a query without outer joins and grouping sets.
/// </param>
public sealed record ResultColumn(string Name, SqlType Type, int TypeModifier, uint TableOid, short ColumnNumber, bool IsNullable);

/// <summary>PostgreSQL's description of a query under the caller's role.</summary>
/// <param name="Parameters">The types of $1, $2, … as PostgreSQL inferred them.</param>
/// <param name="Tables">
/// OIDs of every table, partition and child that an execution may read, views and policies expanded; all of them are streamed.
/// </param>
/// <param name="Views">OIDs of the views in between: their definitions are part of the answer.</param>
/// <param name="HasRowSecurity">Policies apply to this role: the answer depends on the claims.</param>
/// <param name="ReadsClock">
/// It calls now() or one of its family, directly or in a view, policy or user-defined function: the answer changes by itself.
/// </param>
/// <param name="HasOpaqueFunctions">
/// It calls stable user-defined functions whose reads are not known: any change may change the answer. Plain SQL functions that name no
/// table (such as one that picks a claim) are not among them.
/// </param>
public sealed record QueryDescription(
    ImmutableArray<SqlType> Parameters,
    ImmutableArray<ResultColumn> Columns,
    ImmutableArray<uint> Tables,
    ImmutableArray<uint> Views,
    bool HasRowSecurity,
    bool ReadsClock,
    bool HasOpaqueFunctions)
{
    /// <summary>
    /// It calls a function that may read settings (current_setting, or any stable user-defined one): the answer depends on the claims.
    /// </summary>
    public bool ReadsSettings { get; init; }
}
