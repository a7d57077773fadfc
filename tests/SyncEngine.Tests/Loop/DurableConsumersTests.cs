using SyncEngine.Changes;
using SyncEngine.Loop;
using SyncEngine.Ports;
using Xunit;

namespace SyncEngine.Tests.Loop;

public sealed class DurableConsumersTests
{
    private readonly RecordingSource source = new();
    private readonly DurableConsumers consumers;

    public DurableConsumersTests() => consumers = new DurableConsumers(source);

    [Fact]
    public void Without_consumers_the_processed_position_is_acknowledged_once()
    {
        consumers.Acknowledge(new Lsn(10));
        consumers.Acknowledge(new Lsn(10));
        consumers.Acknowledge(new Lsn(12));
        Assert.Equal([10, 12], source.Acknowledged);
    }

    [Fact]
    public void The_lowest_stored_position_is_acknowledged_and_never_more_than_was_processed()
    {
        Consumer fast = new(100), slow = new(20);
        consumers.Add(fast);
        consumers.Add(slow);
        consumers.Acknowledge(new Lsn(50));
        slow.Stored = new Lsn(80);
        consumers.Acknowledge(new Lsn(50));
        Assert.Equal([20, 50], source.Acknowledged);
    }

    [Fact]
    public void A_removed_consumer_holds_nothing_back()
    {
        var slow = new Consumer(20);
        consumers.Add(slow);
        consumers.Acknowledge(new Lsn(50));
        consumers.Remove(slow);
        consumers.Acknowledge(new Lsn(50));
        Assert.Equal([20, 50], source.Acknowledged);
    }

    [Fact]
    public void A_consumer_that_comes_late_takes_nothing_back()
    {
        consumers.Acknowledge(new Lsn(50));
        consumers.Add(new Consumer(20));
        consumers.Acknowledge(new Lsn(60));
        Assert.Equal([50], source.Acknowledged);
    }

    [Fact]
    public void On_another_history_nothing_is_acknowledged_until_it_is_stored_there()
    {
        var consumer = new Consumer(100);
        consumers.Add(consumer);
        consumers.Acknowledge(new Lsn(100));
        consumers.Restart();
        consumers.Acknowledge(new Lsn(50));
        consumer.Stored = new Lsn(40);
        consumers.Acknowledge(new Lsn(50));
        Assert.Equal([100, 40], source.Acknowledged);
    }

    private sealed class Consumer(ulong stored) : IDurableConsumer
    {
        public string Name => "test";

        public Lsn Stored { get; set; } = new(stored);

        public void Restart() => Stored = Lsn.Zero;
    }
}
