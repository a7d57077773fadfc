using System.Collections.Immutable;
using SyncEngine.Permissions;
using SyncEngine.Tiers;
using SyncEngine.Values;

namespace SyncEngine.Planning;

/// <summary>
/// The plan for one query text under one identity; shared by every subscription to it, for all parameters. Only the planner makes one.
/// </summary>
public sealed record QueryPlan
{
    internal QueryPlan(TierPlan tier, PlanStatement statement, ResultShape result, PlanSources sources, PlanScope scope)
    {
        Tier = tier;
        Statement = statement;
        Result = result;
        Sources = sources;
        Scope = scope;
    }

    /// <summary>The way in which its results are kept live.</summary>
    public TierPlan Tier { get; internal init; }

    internal PlanStatement Statement { get; init; }

    internal ResultShape Result { get; init; }

    internal PlanSources Sources { get; init; }

    internal PlanScope Scope { get; init; }

    public string QueryText => Statement.QueryText;

    public string ReadSql => Statement.ReadSql;

    public ImmutableArray<SqlType> ParameterTypes => Statement.ParameterTypes;

    public ImmutableArray<OutputColumn> Columns => Result.Columns;

    public ImmutableArray<string> Key => Result.Key;

    public bool IsOrdered => Result.IsOrdered;

    public Func<RowEncoder> NewEncoder => Result.NewEncoder;

    public ImmutableArray<uint> Tables => Sources.Tables;

    public ImmutableDictionary<uint, ulong> Fingerprints => Sources.Fingerprints;

    public ulong StreamedAfterXid => Sources.StreamedAfterXid;

    public bool ReadsClock => Sources.ReadsClock;

    public bool ReadsAnything => Sources.ReadsAnything;

    public string Identity => Scope.Identity;

    public Principal Reader => Scope.Reader;

    public bool DependsOnClaims => Scope.DependsOnClaims;

    /// <summary>Checks that a client of the other plan can continue with this one: same columns, key and order.</summary>
    public bool HasSameShapeAs(QueryPlan other) =>
        Columns.SequenceEqual(other.Columns) && Key.SequenceEqual(other.Key) && IsOrdered == other.IsOrdered;
}

/// <summary>The query's texts and parameters.</summary>
/// <param name="QueryText">The query as sent.</param>
/// <param name="ReadSql">The query that PostgreSQL runs to read the rows, with the same parameters.</param>
public sealed record PlanStatement(string QueryText, string ReadSql, ImmutableArray<SqlType> ParameterTypes);

/// <summary>A column as clients see it.</summary>
public sealed record OutputColumn(string Name, string Type, bool IsNullable, bool IsHidden = false);

/// <summary>The form of the result.</summary>
/// <param name="Key">Names of the columns that identify a row.</param>
/// <param name="NewEncoder">Makes an encoder for one read's rows.</param>
public sealed record ResultShape(
    ImmutableArray<OutputColumn> Columns, ImmutableArray<string> Key, bool IsOrdered, Func<RowEncoder> NewEncoder);

/// <summary>Everything that the answer is computed from.</summary>
/// <param name="Tables">Every table whose changes may change the answer.</param>
/// <param name="Fingerprints">The fingerprints of those tables and of the views between, when the query was planned.</param>
public sealed record PlanSources(ImmutableArray<uint> Tables, ImmutableDictionary<uint, ulong> Fingerprints)
{
    /// <summary>Rows of the tables may be missing from the stream below this transaction id; see Table.StreamedAfterXid.</summary>
    public ulong StreamedAfterXid { get; init; }

    /// <summary>The answer changes with the time.</summary>
    public bool ReadsClock { get; init; }

    /// <summary>The query calls functions whose reads are not known: any change may change the answer.</summary>
    public bool ReadsAnything { get; init; }
}

/// <summary>The callers for whom the plan is valid.</summary>
/// <param name="Identity">
/// Two plans with equal identities, and equal parameters, have the same result. It contains the role and, where the answer depends on
/// them, the claims.
/// </param>
/// <param name="Reader">The principal who reads: any for whom <paramref name="Identity"/> is the same.</param>
/// <param name="DependsOnClaims">Policies or settings make the answer depend on the claims.</param>
public sealed record PlanScope(string Identity, Principal Reader, bool DependsOnClaims);
