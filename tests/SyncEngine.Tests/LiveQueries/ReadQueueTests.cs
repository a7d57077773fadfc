using SyncEngine.LiveQueries;
using SyncEngine.Permissions;
using SyncEngine.Planning;
using SyncEngine.Tests.Simulation;
using Xunit;

namespace SyncEngine.Tests.LiveQueries;

public sealed class ReadQueueTests
{
    private static readonly DateTimeOffset now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly QueryPlan quick = ModelQuery.Named("items all").Plan;
    private static readonly QueryPlan slow = ModelQuery.Named("items all, read again").Plan;
    private static readonly Principal alice = new("i", "alice", "app", "{}", null);

    private readonly ReadQueue queue = new();

    [Fact]
    public void Queries_of_one_reader_share_a_snapshot_in_their_order()
    {
        LiveQuery first = Add(quick), other = Add(quick.ReadBy(alice)), second = Add(quick);
        Assert.Equal([first, second], queue.Take(10, now));
        Assert.Equal([other], queue.Take(10, now));
        Assert.Empty(queue.Take(10, now));
    }

    [Fact]
    public void No_more_are_taken_than_asked_for()
    {
        LiveQuery first = Add(quick), second = Add(quick);
        Assert.Equal([first], queue.Take(1, now));
        Assert.Equal([second], queue.Take(1, now));
    }

    [Fact]
    public void A_query_of_unknown_or_lengthyduration_is_read_alone()
    {
        LiveQuery unknown = Add(slow), lengthy = Add(slow), known = Add(slow), last = Add(quick);
        lengthy.LastReadDuration = TimeSpan.FromMilliseconds(6);
        known.LastReadDuration = TimeSpan.FromMilliseconds(4);
        Assert.Equal([unknown], queue.Take(10, now));
        Assert.Equal([lengthy], queue.Take(10, now));
        Assert.Equal([known, last], queue.Take(10, now));
    }

    [Fact]
    public void A_suspended_query_and_one_that_pauses_wait_and_delay_no_other()
    {
        LiveQuery suspended = Add(quick), pausing = Add(quick), ready = Add(quick);
        suspended.State = suspended.State with { IsSuspended = true };
        pausing.NotReadBefore = now.AddMilliseconds(1);
        Assert.Equal([ready], queue.Take(10, now));
        Assert.Equal([pausing], queue.Take(10, now.AddMilliseconds(1)));
        Assert.Equal(1, queue.Count);
    }

    private LiveQuery Add(QueryPlan plan)
    {
        var query = new LiveQuery(plan, [], 0) { State = new LiveQueryState(RowsState.Unknown, ReadState.Wanted, IsSuspended: false) };
        queue.Enqueue(query);
        return query;
    }
}
