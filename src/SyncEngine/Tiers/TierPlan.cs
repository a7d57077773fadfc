using System.Collections.Immutable;

namespace SyncEngine.Tiers;

/// <summary>The way in which a plan's results are kept live: a closed set with one sealed record per tier, in the tier's folder.</summary>
public abstract record TierPlan
{
    private protected TierPlan()
    {
    }

    /// <summary>Every mode that a plan may name; docs/PROTOCOL.md says what each promises.</summary>
    public static ImmutableArray<string> Modes { get; } = ["incremental", "probe", "requery"];

    /// <summary>The tier's name for clients; one of <see cref="Modes"/>.</summary>
    public abstract string Mode { get; }

    /// <summary>The reason why no faster tier keeps it; null for the fastest.</summary>
    public virtual string? Reason => null;

    /// <summary>Plans with the same key differ in operands only and share their index; null where nothing is shared.</summary>
    public virtual string? TemplateKey => null;

    /// <summary>The columns of a relation that the tier reads from the stream; null for those of no interest one by one.</summary>
    public virtual ImmutableArray<string>? ColumnsOf(uint relationOid) => null;

    /// <summary>The result's columns that name a row for the tier, by index; null where it needs no key of its own.</summary>
    internal virtual ImmutableArray<int>? ResultKey => null;

    /// <summary>The way from a changed row to the results concerned; null where the tier reads no rows.</summary>
    public virtual RowIndex? Index => null;

    /// <summary>Each change of a relation that it reads asks for a read. Otherwise the stream alone keeps the rows right.</summary>
    internal abstract bool IsReadOnChange { get; }

    /// <summary>
    /// The query may contain policies, views or functions, which can read the caller's claims. Otherwise its rows follow from the
    /// relation's rows and the parameters alone.
    /// </summary>
    internal abstract bool MayReadClaims { get; }

    /// <summary>Its reads are quick by nature, so one may share a snapshot with others before its duration is known.</summary>
    internal abstract bool IsQuickToRead { get; }
}

/// <summary>An index from row values to results.</summary>
/// <param name="Column">The indexed column; null when every changed row is tried against the result.</param>
/// <param name="Values">The number of values under which one result is found.</param>
public sealed record RowIndex(string? Column, int Values);
