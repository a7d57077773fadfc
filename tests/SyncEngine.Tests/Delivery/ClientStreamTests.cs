using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Tiers;
using Xunit;

namespace SyncEngine.Tests.Delivery;

public sealed class ClientStreamTests
{
    private static readonly FrameBody stale = FrameBody.Stale(new SyncException(ErrorCode.QueryTimeout, "late"));
    private readonly ClientStream stream = new("1", Principal.Engine, isSingle: false, 1_000);

    [Fact]
    public void Frames_leave_in_the_order_of_their_cuts_and_behind_those_of_their_own_subscription()
    {
        Hold("a", Diff(30));
        Hold("b", Diff(10));
        Hold("c", stale);
        Hold("a", stale);
        Assert.Equal(["c Stale", "b Diff 0/A"], Released(10));
        Assert.Equal(["a Diff 0/1E", "a Stale"], Released(30));
    }

    [Fact]
    public void No_cut_lies_in_the_gap_of_a_read()
    {
        stream.Enqueue("a", Diff(30), new Lsn(30), new Lsn(12));
        stream.Enqueue("b", Diff(20), new Lsn(20), new Lsn(9));
        Assert.Equal(9UL, stream.OutsideGaps(new Lsn(25)).Value);
        Assert.Equal(30UL, stream.OutsideGaps(new Lsn(30)).Value);
        Assert.Equal(9UL, stream.OutsideGaps(new Lsn(9)).Value);
    }

    [Fact]
    public void A_gap_that_lasts_is_shown_as_stale_and_ends_live()
    {
        stream.Enqueue("a", Diff(30), new Lsn(30), new Lsn(12));
        stream.Enqueue("b", null, new Lsn(40), new Lsn(14));
        stream.MarkGapsStale(stale);
        Assert.Equal(25UL, stream.OutsideGaps(new Lsn(25)).Value);
        Assert.Equal(["a Stale", "b Stale"], Released(25));
        Assert.Equal(["a Diff 0/1E", "a Live 0/1E", "b ", "b Live 0/28"], Released(40));
    }

    private static FrameBody Diff(ulong cut) => FrameBody.OfDiff(new RowDiff([], [], []), new Lsn(cut), null, null, 100)[0];

    private void Hold(string id, FrameBody body) => stream.Enqueue(id, body, body.Cut);

    private string[] Released(ulong limit) => [.. stream.Release(new Lsn(limit)).Select(held => $"{held.SubscriptionId} {held.Body?.Type} {held.Body?.Cut}".TrimEnd() + (held.Body is null ? " " : ""))];
}
