using System.Collections.Immutable;
using SyncEngine.Changes;

namespace SyncEngine.Tiers;

/// <summary>
/// One way of keeping results live. The change processor gives it every committed transaction, in commit order, change by change;
/// <see cref="Complete"/> answers for each result concerned: its diff, or that it must be read.
/// </summary>
/// <remarks>
/// Invariants, each with a test in the specification suite that every tier inherits:
/// <list type="number">
/// <item>A current result equals PostgreSQL's at the last completed transaction, or that transaction's answer is "must be read".</item>
/// <item>A transaction has at most one answer per result. A diff is never empty, and holds a key in one list at most.</item>
/// <item>After "must be read" a result has no diff until it is hydrated as current again.</item>
/// <item>
/// Changes that arrive while a result is being read are not lost: <see cref="TierResult.Fit"/> adds those that the snapshot does not show.
/// </item>
/// <item>The keys that an index holds for a result are those of its rows; the result alone changes both.</item>
/// <item>A removed result leaves nothing behind in any index.</item>
/// </list>
/// Owner: the engine's loop, which is the only caller. Backpressure: none; a call never waits. Stored: nothing.
/// </remarks>
interface ITier
{
    /// <summary>The mode of its plans; see <see cref="TierPlan.Mode"/>.</summary>
    string Mode { get; }

    /// <summary>Keeps results of this plan.</summary>
    bool Keeps(TierPlan plan);

    /// <summary>The reason why there is no room for one more result of the plan; null where there is.</summary>
    string? RefusalOf(TierPlan plan);

    /// <summary>Keeps one more result.</summary>
    /// <param name="known">Rows that it takes over from another plan; null when nothing is known until it is hydrated.</param>
    TierResult Add(TierPlan plan, ITierQuery query, ResultState? known);

    /// <summary>Takes the stream's new description of a relation.</summary>
    /// <returns>False when a plan no longer fits the relation; its results must be read, under another plan.</returns>
    bool OnRelation(Relation relation);

    /// <summary>Takes one inserted, updated or deleted row of the transaction under way.</summary>
    void OnRow(scoped in ChangeReader change);

    /// <summary>Takes a TRUNCATE of the transaction under way.</summary>
    void OnTruncate(uint relationOid);

    /// <summary>Sizes for the metrics; computed when asked.</summary>
    TierSize Measure();

    /// <summary>Ends the transaction: adds an answer for each result that it concerns.</summary>
    void Complete(CommittedTransaction transaction, List<ResultChange> answers);
}

/// <summary>The query whose result a tier keeps, as far as a tier needs to know it.</summary>
interface ITierQuery
{
    /// <summary>Canonical texts of $1, $2, …; null for NULL.</summary>
    ImmutableArray<string?> Parameters { get; }

    /// <summary>Every relation whose changes may change the result.</summary>
    ImmutableArray<uint> Relations { get; }

    /// <summary>Its reads are not all known: any change may change the result.</summary>
    bool ReadsAnything { get; }

    bool IsOrdered { get; }
}

/// <summary>The size of a tier's index.</summary>
/// <param name="Results">Results that it keeps.</param>
/// <param name="IndexEntries">Values, row keys and relations that lead to results.</param>
readonly record struct TierSize(int Results, long IndexEntries);

/// <summary>The answer of a tier for one result and one transaction.</summary>
/// <param name="Diff">The change of the rows; null when the result must be read.</param>
readonly record struct ResultChange(TierResult Result, RowDiff? Diff);
