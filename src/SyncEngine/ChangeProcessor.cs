using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.LiveQueries;
using SyncEngine.Loop;
using SyncEngine.Tiers;

namespace SyncEngine;

/// <summary>
/// The path of a transaction, top to bottom. Its changes go to the tiers and the observers; each result concerned gets its diff or is read
/// again; then the position moves past it.
/// </summary>
sealed class ChangeProcessor(
    EngineContext context, TierSet tiers, Results results, InsertObservers observers, WriteConfirmations confirmations, SchemaSignal schema)
{
    private readonly Timeline timeline = context.Timeline;
    private readonly List<ResultChange> answers = [];

    public void Process(CommittedTransaction transaction)
    {
        context.Metrics.Transactions.Add(1);
        timeline.Record(transaction);
        var hasDdl = ReadChanges(transaction);

        tiers.Complete(transaction, answers);
        var before = timeline.Position;
        foreach (var answer in answers)
        {
            results.Apply(answer, transaction, before);
        }

        answers.Clear();
        timeline.Advance(transaction.EndLsn);
        observers.OnCommitted();
        if (hasDdl)
        {
            schema.Pause();
        }
    }

    /// <returns>True when a DDL message is among the changes.</returns>
    private bool ReadChanges(CommittedTransaction transaction)
    {
        var hasDdl = false;
        long changes = 0;
        foreach (var chunk in transaction.Chunks)
        {
            var change = new ChangeReader(chunk.Span, timeline.Relations);
            while (change.Read())
            {
                changes++;
                switch (change.Kind)
                {
                    case ChangeKind.Insert:
                        tiers.OnRow(change);
                        observers.OnInserted(change);
                        break;
                    case ChangeKind.Update or ChangeKind.Delete:
                        tiers.OnRow(change);
                        break;
                    case ChangeKind.Truncate:
                        Truncate(change);
                        break;
                    case ChangeKind.Relation:
                        Describe(change.Relation);
                        break;
                    case ChangeKind.Message:
                        var message = change.Message;
                        confirmations.OnTransactionalMessage(message.Prefix, message.Content, transaction.EndLsn, timeline.Now);
                        hasDdl |= message.Prefix.SequenceEqual("sync.ddl"u8);
                        break;
                }
            }
        }

        context.Metrics.Changes.Add(changes);
        return hasDdl;
    }

    private void Truncate(scoped in ChangeReader change)
    {
        var truncated = change.Truncate;
        for (var i = 0; i < truncated.Count; i++)
        {
            tiers.OnTruncate(truncated[i]);
        }
    }

    private void Describe(Relation relation)
    {
        if (!tiers.OnRelation(relation))
        {
            schema.RequestRefresh();
        }
    }
}
