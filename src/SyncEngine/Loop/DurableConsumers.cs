using SyncEngine.Changes;
using SyncEngine.Ports;

namespace SyncEngine.Loop;

/// <summary>The floor of what is acknowledged to PostgreSQL: the lowest position that every durable consumer has stored.</summary>
/// <remarks>
/// Live queries store nothing, so without consumers the processed position is acknowledged.
/// A consumer is registered before the position that it needs is acknowledged; acknowledging too early cannot be undone.
/// </remarks>
sealed class DurableConsumers(IChangeSource source)
{
    private readonly List<IDurableConsumer> consumers = [];
    private Lsn acknowledged;

    public void Add(IDurableConsumer consumer) => consumers.Add(consumer);

    public void Remove(IDurableConsumer consumer) => consumers.Remove(consumer);

    /// <summary>Acknowledges what every consumer has stored by now, and never more than was processed.</summary>
    public void Acknowledge(Lsn processed)
    {
        var floor = processed;
        foreach (var consumer in consumers)
        {
            floor = Lsn.Min(floor, consumer.Stored);
        }

        if (floor > acknowledged)
        {
            acknowledged = floor;
            source.Acknowledge(floor);
        }
    }

    /// <summary>Begins another history: a position that was stored of the last one is not stored of this one.</summary>
    public void Restart()
    {
        acknowledged = Lsn.Zero;
        foreach (var consumer in consumers)
        {
            consumer.Restart();
        }
    }
}
