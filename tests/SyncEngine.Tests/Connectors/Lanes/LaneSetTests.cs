using Microsoft.Extensions.Logging.Abstractions;
using SyncEngine.Connectors.Lanes;
using SyncEngine.Connectors.Targets;
using SyncEngine.Observability;
using SyncEngine.Postgres.Sessions;
using Xunit;

namespace SyncEngine.Tests.Connectors.Lanes;

/// <summary>Lanes over a source that is no outbox: events with a name, an order of their own, and nothing locked in a database.</summary>
public sealed class LaneSetTests
{
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(10);

    private readonly EventSource source;
    private readonly Recorder recorder = new();
    private readonly LaneSet<Event> lanes;

    public LaneSetTests()
    {
        source = new EventSource(new ScriptedTarget());
        var options = new LaneOptions(BatchSize: 4, RetryDelay: TimeSpan.FromMilliseconds(2), MaxRetryDelay: TimeSpan.FromMilliseconds(8));
        lanes = new LaneSet<Event>(
            new LaneParts<Event>(source, recorder, options, new RetryClock(TimeProvider.System, new Random(1)), NullLogger.Instance));
    }

    [Fact]
    public async Task Items_of_a_lane_are_sent_in_order_and_settled_one_by_one()
    {
        lanes.Add([new("a", 1), new("b", 1), new("a", 2), new("a", 3)]);
        await lanes.WhenIdleAsync().WaitAsync(timeout, TimeProvider.System);
        Assert.Equal(["a1", "a2", "a3"], recorder.StoredOf("a"));
        Assert.Equal(["b1"], recorder.StoredOf("b"));
        Assert.Equal(0, recorder.Unanswered);
    }

    [Fact]
    public async Task A_refused_item_blocks_its_lane_alone_until_it_is_taken()
    {
        source.Target.Refuse("a1", new Refusal(RefusalKind.Retry, "busy", "not now"));
        lanes.Add([new("a", 1), new("a", 2), new("b", 1)]);
        await UntilAsync(() => recorder.StoredOf("b").Count == 1 && lanes.Blocked.Count == 1);
        Assert.Equal(("a", "busy"), lanes.Blocked.Select(blocked => (blocked.Channel, blocked.Code)).Single());
        Assert.Equal(["a"], lanes.WithoutRoom);
        Assert.Equal(0, lanes.Room("a"));
        Assert.Equal(2, lanes.Waiting);

        source.Target.Accept("a1");
        await UntilAsync(() => recorder.StoredOf("a").Count == 2);
        await lanes.WhenIdleAsync().WaitAsync(timeout, TimeProvider.System);
        Assert.Equal(["a1", "a2"], recorder.StoredOf("a"));
        Assert.Empty(lanes.Blocked);
        Assert.True(source.Requests > 0, "the source was not asked for more");
    }

    [Fact]
    public async Task An_item_that_can_never_be_stored_is_set_aside_and_the_lane_goes_on()
    {
        source.Target.Refuse("a1", new Refusal(RefusalKind.Never, "too_large", "no"));
        lanes.Add([new("a", 1), new("a", 2)]);
        await lanes.WhenIdleAsync().WaitAsync(timeout, TimeProvider.System);
        Assert.Equal(["a1 too_large"], recorder.SetAside);
        Assert.Equal(["a2"], recorder.StoredOf("a"));
    }

    [Fact]
    public async Task Where_nothing_is_set_aside_the_item_blocks_its_lane()
    {
        recorder.MaySetAside = false;
        source.Target.Refuse("a1", new Refusal(RefusalKind.Never, "too_large", "no"));
        lanes.Add([new("a", 1), new("a", 2)]);
        await UntilAsync(() => lanes.Blocked.Count == 1);
        Assert.Empty(recorder.StoredOf("a"));
        await lanes.StopAsync();
        await lanes.WhenIdleAsync().WaitAsync(timeout, TimeProvider.System);
    }

    [Fact]
    public async Task An_uncertain_refusal_is_tried_eight_times()
    {
        source.Target.Refuse("a1", new Refusal(RefusalKind.Uncertain, "http_422", "odd"));
        lanes.Add([new("a", 1)]);
        await UntilAsync(() => recorder.SetAside.Count == 1);
        Assert.Equal(8, source.Target.TriesOf("a1"));
    }

    [Fact]
    public async Task Without_the_right_to_send_nothing_is_sent()
    {
        source.MaySend = false;
        lanes.Add([new("a", 1)]);
        await lanes.WhenIdleAsync().WaitAsync(timeout, TimeProvider.System);
        Assert.Equal(0, source.Target.TriesOf("a1"));
    }

    [Fact]
    public async Task A_call_under_way_is_given_up_when_the_lanes_are_abandoned()
    {
        source.Target.Hang("a1");
        lanes.Add([new("a", 1)]);
        await UntilAsync(() => recorder.Unanswered == 1);
        await lanes.AbandonAsync();
        await lanes.WhenIdleAsync().WaitAsync(timeout, TimeProvider.System);
        Assert.Empty(recorder.StoredOf("a"));
        Assert.False(lanes.Failed.IsCompleted);
    }

    [Fact]
    public async Task A_settlement_that_fails_ends_the_owner_and_no_other_lane()
    {
        recorder.FailsOn = "a1";
        lanes.Add([new("a", 1), new("b", 1)]);
        await Assert.ThrowsAsync<InvalidOperationException>(() => lanes.Failed.WaitAsync(timeout, TimeProvider.System));
        await lanes.WhenIdleAsync().WaitAsync(timeout, TimeProvider.System);
        Assert.Equal(["b1"], recorder.StoredOf("b"));
    }

    private static async Task UntilAsync(Func<bool> isSo)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!isSo())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < timeout, "it did not happen in time");
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System);
        }
    }

    private sealed record Event(string Name, int Number)
    {
        public string Id => $"{Name}{Number}";
    }

    private sealed class EventSource(ScriptedTarget target) : ILaneSource<Event>
    {
        private int requests;

        public ScriptedTarget Target => target;

        public int Requests => Volatile.Read(ref requests);

        public bool MaySend { get; set; } = true;

        public string LaneOf(Event item) => item.Name;

        public IMessageTarget TargetOf(string lane) => target;

        public OutboundMessage Compose(Event item) => new(item.Name, item.Id, "event", null, "{}");

        public void RequestMore() => Interlocked.Increment(ref requests);
    }

    private sealed class Recorder : ISettlement<Event>
    {
        private readonly Lock access = new();
        private readonly List<Event> stored = [];
        private readonly List<string> setAside = [];
        private int unanswered;

        public bool MaySetAside { get; set; } = true;

        public string? FailsOn { get; set; }

        public int Unanswered => Volatile.Read(ref unanswered);

        public IReadOnlyList<string> SetAside
        {
            get
            {
                lock (access)
                {
                    return [.. setAside];
                }
            }
        }

        public IReadOnlyList<string> StoredOf(string name)
        {
            lock (access)
            {
                return [.. stored.Where(item => item.Name == name).Select(item => item.Id)];
            }
        }

        public void Stored(Event item, string target)
        {
            if (item.Id == FailsOn)
            {
                throw new InvalidOperationException("the settlement has a fault");
            }

            lock (access)
            {
                stored.Add(item);
            }
        }

        public bool TrySetAside(Event item, string target, Refusal refusal)
        {
            lock (access)
            {
                if (MaySetAside)
                {
                    setAside.Add($"{item.Id} {refusal.Code}");
                }

                return MaySetAside;
            }
        }

        public void Retrying(string target, Refusal refusal)
        {
        }

        public void Sending(int change) => Interlocked.Add(ref unanswered, change);
    }

    private sealed class ScriptedTarget : IMessageTarget
    {
        private readonly Lock access = new();
        private readonly Dictionary<string, Refusal> refused = [];
        private readonly HashSet<string> hanging = [];
        private readonly List<string> tried = [];

        public string Name => "scripted";

        public IHealthPart Health { get; } = new HealthPart("scripted", TimeProvider.System);

        public int MessagesPerCall => 1;

        public void Refuse(string id, Refusal refusal)
        {
            lock (access)
            {
                refused[id] = refusal;
            }
        }

        public void Accept(string id)
        {
            lock (access)
            {
                refused.Remove(id);
            }
        }

        public void Hang(string id)
        {
            lock (access)
            {
                hanging.Add(id);
            }
        }

        public int TriesOf(string id)
        {
            lock (access)
            {
                return tried.Count(other => other == id);
            }
        }

        public async Task<PublishResult> PublishAsync(IReadOnlyList<OutboundMessage> messages, CancellationToken cancellationToken)
        {
            Refusal? refusal;
            bool hangs;
            lock (access)
            {
                tried.Add(messages[0].Id);
                refused.TryGetValue(messages[0].Id, out refusal);
                hangs = hanging.Contains(messages[0].Id);
            }

            if (hangs)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            }

            return refusal is null ? new PublishResult(1) : new PublishResult(0, refusal);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
