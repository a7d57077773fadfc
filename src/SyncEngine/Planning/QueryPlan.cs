using System.Collections.Immutable;
using SyncEngine.Permissions;
using SyncEngine.Tiers;
using SyncEngine.Values;

namespace SyncEngine.Planning;

/// <summary>A column as a client is told of it.</summary>
public sealed record OutputColumn(string Name, string Type, bool IsNullable, bool IsHidden = false);

/// <summary>
/// What the engine does for one query text under one identity; shared by every subscription to it, whatever its parameters.
/// </summary>
public sealed record QueryPlan
{
    /// <summary>How its results are kept live, and the reason.</summary>
    public required TierPlan Tier { get; init; }

    /// <summary>The query as gated and printed.</summary>
    public required string QueryText { get; init; }

    /// <summary>What Postgres is asked for the rows; its parameters are the query's, lifted literals after them.</summary>
    public required string ReadSql { get; init; }

    public required ImmutableArray<SqlType> ParameterTypes { get; init; }

    public required ImmutableArray<OutputColumn> Columns { get; init; }

    public required ImmutableArray<string> Key { get; init; }

    public required bool IsOrdered { get; init; }

    /// <summary>Every table whose changes may change the answer.</summary>
    public required ImmutableArray<uint> Tables { get; init; }

    /// <summary>The fingerprints of those tables and of the views between, as planned.</summary>
    public required ImmutableDictionary<uint, ulong> Fingerprints { get; init; }

    /// <summary>Rows of the tables may be missing from the stream below this transaction id; see Table.StreamedAfterXid.</summary>
    public ulong StreamedAfterXid { get; init; }

    /// <summary>Two plans with the same text here, and equal parameters, have the same result. Holds role and, where the answer depends on them, claims.</summary>
    public required string Identity { get; init; }

    /// <summary>Who reads: any principal for whom <see cref="Identity"/> is the same.</summary>
    public required Principal Reader { get; init; }

    /// <summary>Policies apply, so the answer depends on the claims.</summary>
    public bool DependsOnClaims { get; init; }

    public bool ReadsClock { get; init; }

    /// <summary>Its reads are not all known: any change may change the answer.</summary>
    public bool ReadsAnything { get; init; }

    /// <summary>Makes an encoder for one read's rows.</summary>
    public required Func<RowEncoder> NewEncoder { get; init; }

    /// <summary>Whether a client of the other plan can go on with this one: same columns, key and order.</summary>
    public bool HasSameShapeAs(QueryPlan other) =>
        Columns.SequenceEqual(other.Columns) && Key.SequenceEqual(other.Key) && IsOrdered == other.IsOrdered;
}
