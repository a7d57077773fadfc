using SyncEngine.Changes;
using SyncEngine.Loop;
using SyncEngine.Ports;
using SyncEngine.Tests.Changes;
using Xunit;

namespace SyncEngine.Tests.Loop;

public sealed class InsertObserversTests
{
    private const uint Outbox = 7, Bridge = 8;

    private readonly RecordingSource source = new();
    private readonly InsertObservers observers;

    public InsertObserversTests() => observers = new InsertObservers(new RelationWatch(source));

    [Fact]
    public void Each_observer_gets_the_inserts_of_its_relation_and_the_end_of_their_transaction()
    {
        Recorder first = new(), second = new(), other = new();
        observers.Add(Outbox, first);
        observers.Add(Outbox, second);
        observers.Add(Bridge, other);
        Insert(Outbox);
        observers.OnCommitted();
        observers.OnCommitted();
        Assert.Equal(["started", "7", "committed"], first.Events);
        Assert.Equal(["started", "7", "committed"], second.Events);
        Assert.Equal(["started"], other.Events);
    }

    [Fact]
    public void A_relation_is_watched_while_an_observer_follows_it()
    {
        Recorder first = new(), second = new();
        observers.Add(Outbox, first);
        observers.Add(Outbox, second);
        observers.Remove(first);
        Assert.Equal([[Outbox]], source.Watched);
        observers.Remove(second);
        observers.Remove(second);
        Assert.Equal([[Outbox], []], source.Watched);
        Insert(Outbox);
        Assert.DoesNotContain("7", second.Events);
    }

    [Fact]
    public void An_observer_that_asks_again_starts_again_and_its_relation_is_watched_throughout()
    {
        var observer = new Recorder();
        observers.Add(Outbox, observer);
        observers.Add(Outbox, observer);
        Assert.DoesNotContain(source.Watched, watched => watched.Length == 0);
        Insert(Outbox);
        Assert.Equal(["started", "started", "7"], observer.Events);
    }

    [Fact]
    public void An_observer_that_moves_leaves_its_relation()
    {
        var observer = new Recorder();
        observers.Add(Outbox, observer);
        observers.Add(Bridge, observer);
        Insert(Outbox);
        Insert(Bridge);
        Assert.Equal(["started", "started", "8"], observer.Events);
        Assert.Equal([Bridge], source.Watched[^1]);
    }

    private void Insert(uint relation)
    {
        byte[][] messages =
        [
            PgOutputBytes.Relation(relation, "public", "t", 'd', ("id", true, 23, -1)),
            PgOutputBytes.Insert(relation, "1"),
        ];
        var change = new ChangeReader(PgOutputBytes.Chunk(messages), new RelationMap());
        while (change.Read())
        {
            if (change.Kind == ChangeKind.Insert)
            {
                observers.OnInserted(change);
            }
        }
    }

    private sealed class Recorder : IInsertObserver
    {
        public List<string> Events { get; } = [];

        public void OnStarted(bool isContinuation) => Events.Add("started");

        public void OnInserted(Relation relation, TupleData row) => Events.Add($"{relation.Oid}");

        public void OnCommitted() => Events.Add("committed");
    }
}
