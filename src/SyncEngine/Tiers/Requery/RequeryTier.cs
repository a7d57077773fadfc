using System.Runtime.InteropServices;
using SyncEngine.Changes;

namespace SyncEngine.Tiers.Requery;

/// <summary>Asks for a read whenever a relation that a result reads has changed.</summary>
/// <remarks>Index: relation → results. Held per result: keys and hashes of its rows, to compare the next read with.</remarks>
sealed class RequeryTier : ITier
{
    private readonly Dictionary<uint, HashSet<RequeryResult>> readers = [];
    private readonly HashSet<RequeryResult> readingAnything = [];
    private readonly HashSet<RequeryResult> results = [];

    public string Mode => "requery";

    public bool Keeps(TierPlan plan) => plan is RequeryPlan;

    public string? RefusalOf(TierPlan plan) => null;

    public TierResult Add(TierPlan plan, ITierQuery query, ResultState? known)
    {
        var result = new RequeryResult(this, query, known);
        results.Add(result);
        foreach (var relation in query.Relations)
        {
            ref var set = ref CollectionsMarshal.GetValueRefOrAddDefault(readers, relation, out _);
            (set ??= []).Add(result);
        }

        if (query.ReadsAnything)
        {
            readingAnything.Add(result);
        }

        return result;
    }

    public bool OnRelation(Relation relation) => true;

    public void OnRow(scoped in ChangeReader change)
    {
        // The transaction itself names the relations that it changed.
    }

    public void OnTruncate(uint relationOid)
    {
        // As for rows.
    }

    public void Complete(CommittedTransaction transaction, List<ResultChange> answers)
    {
        foreach (var relation in transaction.Touched)
        {
            if (readers.TryGetValue(relation, out var concerned))
            {
                Touch(concerned, transaction, answers);
            }
        }

        if (transaction.Touched.Count > 0)
        {
            Touch(readingAnything, transaction, answers);
        }
    }

    public TierSize Measure() => new(results.Count, readers.Values.Sum(set => (long)set.Count) + readingAnything.Count);

    public void Remove(RequeryResult result)
    {
        results.Remove(result);
        readingAnything.Remove(result);
        foreach (var relation in result.Query.Relations)
        {
            if (readers.TryGetValue(relation, out var concerned) && concerned.Remove(result) && concerned.Count == 0)
            {
                readers.Remove(relation);
            }
        }
    }

    private static void Touch(HashSet<RequeryResult> concerned, CommittedTransaction transaction, List<ResultChange> answers)
    {
        foreach (var result in concerned)
        {
            if (result.Touch(transaction))
            {
                answers.Add(new ResultChange(result, null));
            }
        }
    }
}
