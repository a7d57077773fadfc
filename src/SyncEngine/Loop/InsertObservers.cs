using SyncEngine.Changes;
using SyncEngine.Ports;

namespace SyncEngine.Loop;

/// <summary>The observers of inserted rows, each with its relation.</summary>
sealed class InsertObservers(RelationWatch watch)
{
    private readonly List<Entry> entries = [];

    /// <summary>Follows a relation from now on. An observer follows one relation: a second call moves it there.</summary>
    public void Add(uint relationOid, IInsertObserver observer)
    {
        // Added before it is removed: the rows of a relation that it follows again are kept throughout.
        watch.Add([relationOid]);
        Remove(observer);
        entries.Add(new Entry(relationOid, observer));
        observer.OnStarted(isContinuation: false);
    }

    public void Remove(IInsertObserver observer)
    {
        var at = entries.FindIndex(entry => ReferenceEquals(entry.Observer, observer));
        if (at >= 0)
        {
            watch.Remove([entries[at].RelationOid]);
            entries.RemoveAt(at);
        }
    }

    public void OnStarted(bool isContinuation)
    {
        foreach (var entry in entries)
        {
            entry.Observer.OnStarted(isContinuation);
        }
    }

    public void OnInserted(scoped in ChangeReader change)
    {
        foreach (var entry in entries)
        {
            if (entry.RelationOid == change.RelationOid)
            {
                entry.Observer.OnInserted(change.Relation, change.New);
                entry.HasInserts = true;
            }
        }
    }

    /// <summary>Ends the transaction for those that have seen rows of it.</summary>
    public void OnCommitted()
    {
        foreach (var entry in entries)
        {
            if (entry.HasInserts)
            {
                entry.HasInserts = false;
                entry.Observer.OnCommitted();
            }
        }
    }

    private sealed class Entry(uint relationOid, IInsertObserver observer)
    {
        public uint RelationOid { get; } = relationOid;

        public IInsertObserver Observer { get; } = observer;

        public bool HasInserts { get; set; }
    }
}
