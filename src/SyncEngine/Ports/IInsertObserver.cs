using SyncEngine.Changes;

namespace SyncEngine.Ports;

/// <summary>Follows the rows that are inserted into one relation, in commit order. Called on the engine's loop: it must not wait.</summary>
public interface IInsertObserver
{
    /// <summary>The stream has begun, anew when <paramref name="isContinuation"/> is false: commits may have been missed before.</summary>
    void OnStarted(bool isContinuation);

    /// <summary>A row of the transaction that <see cref="OnCommitted"/> ends.</summary>
    void OnInserted(Relation relation, TupleData row);

    /// <summary>The transaction of the last inserts has been committed, after every earlier one.</summary>
    void OnCommitted();
}
