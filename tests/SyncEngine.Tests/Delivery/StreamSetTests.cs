using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Loop;
using SyncEngine.Observability;
using SyncEngine.Options;
using SyncEngine.Permissions;
using SyncEngine.Tests.Simulation;
using SyncEngine.Tiers;
using Xunit;

namespace SyncEngine.Tests.Delivery;

public sealed class StreamSetTests : IDisposable
{
    private static readonly SyncException reason = new(ErrorCode.QueryTimeout, "late");

    private readonly EngineMetrics metrics = new();
    private readonly ManualTime time = new();
    private readonly EngineContext context;
    private readonly StreamSet streams;
    private readonly ClientStream stream;
    private readonly Audience slow = new(0), fast = new(0);

    public StreamSetTests()
    {
        context = new EngineContext(new EngineOptions { CutInterval = TimeSpan.Zero }, metrics, new Timeline(time));
        streams = new StreamSet(context);
        stream = new ClientStream("s", Principal.Engine, isSingle: false, maxQueuedBytes: 1_000_000);
        streams.Add(stream);
        foreach (var (id, audience) in ((string, Audience)[])[("slow", slow), ("fast", fast)])
        {
            var attachment = new Attachment(id, audience, stream) { State = AttachmentState.Live };
            stream.Attachments.Add(id, attachment);
            audience.Attachments.Add(attachment);
        }
    }

    [Fact]
    public void A_result_that_is_behind_holds_the_cuts_of_its_stream_until_it_has_caught_up()
    {
        streams.FallBehind(slow, new Lsn(10));
        Reach(20);
        streams.Send(fast.Attachments[0], Diff(20));
        Assert.Equal(["Cut 0/A"], Flush());
        streams.CatchUp(slow);
        streams.Touch(stream);
        Assert.Equal(["Diff 0/14", "Cut 0/14"], Flush());
    }

    [Fact]
    public void A_result_that_is_behind_for_long_is_stale_and_holds_nothing()
    {
        streams.FallBehind(slow, new Lsn(10));
        Reach(20);
        Pass(context.Options.MaxHold);
        streams.MarkLaggingStale(reason);
        Assert.Equal(AttachmentState.Live, slow.Attachments[0].State);
        Pass(TimeSpan.FromMilliseconds(1));
        streams.MarkLaggingStale(reason);
        Assert.Equal(AttachmentState.Stale, slow.Attachments[0].State);
        Assert.Equal(AttachmentState.Live, fast.Attachments[0].State);
        Assert.Equal(["Stale ", "Cut 0/14"], Flush());
    }

    [Fact]
    public void A_result_alone_on_its_stream_has_more_time()
    {
        streams.Detach(fast.Attachments[0]);
        streams.FallBehind(slow, new Lsn(10));
        Pass(context.Options.MaxHold * 5);
        streams.MarkLaggingStale(reason);
        Assert.Equal(AttachmentState.Live, slow.Attachments[0].State);
        Pass(TimeSpan.FromMilliseconds(1));
        streams.MarkLaggingStale(reason);
        Assert.Equal(AttachmentState.Stale, slow.Attachments[0].State);
    }

    [Fact]
    public void A_result_that_no_stream_shows_holds_nothing()
    {
        streams.FallBehind(slow, new Lsn(10));
        streams.Detach(slow.Attachments[0]);
        Assert.Empty(streams.Behind);
        Assert.True(slow.IsBehind);
    }

    [Fact]
    public void Rows_of_an_earlier_cut_than_the_last_one_sent_hold_the_stream_for_the_next_read()
    {
        Reach(20);
        streams.Touch(stream);
        Assert.Equal(["Cut 0/14"], Flush());
        var joining = slow.Attachments[0];
        joining.State = AttachmentState.Joining;
        Assert.False(streams.TryGoLive(joining, new Lsn(15), [], null));
        Reach(30);
        streams.Touch(stream);
        Assert.Empty(Flush());
        Assert.True(streams.TryGoLive(joining, new Lsn(20), [], null));
        Assert.Equal(0, stream.HoldCount);
        Assert.Equal(["Live 0/14", "Cut 0/1E"], Flush());
    }

    [Fact]
    public void A_client_that_takes_nothing_is_stalled_and_one_that_takes_is_not()
    {
        streams.Send(fast.Attachments[0], Diff(0));
        streams.Send(fast.Attachments[0], Diff(0));
        streams.FlushTouched();
        Pass(context.Options.StallTimeout);
        Assert.True(stream.Queue.TryTake(out _));
        Assert.Empty(streams.Tick());
        Pass(context.Options.StallTimeout);
        Assert.Empty(streams.Tick());
        Pass(TimeSpan.FromMilliseconds(1));
        Assert.Equal([stream], streams.Tick());
    }

    public void Dispose() => metrics.Dispose();

    private static FrameBody Diff(ulong cut) =>
        FrameBody.OfDiff(new RowDiff([], [], [new(new byte[] { 49 })]), new Lsn(cut), null, null, 1_000)[0];

    private void Reach(ulong position) => context.Timeline.Advance(new Lsn(position));

    private void Pass(TimeSpan span)
    {
        time.Advance(span);
        context.Timeline.BeginRound();
    }

    private List<string> Flush()
    {
        streams.FlushTouched();
        List<string> frames = [];
        while (stream.Queue.TryTake(out var frame))
        {
            frames.Add($"{frame.Body.Type} {frame.Body.Cut}");
        }

        return frames;
    }
}
