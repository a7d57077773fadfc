using SyncEngine.Loop;
using Xunit;

namespace SyncEngine.Tests.Loop;

public sealed class SchemaSignalTests
{
    private readonly SchemaSignal signal = new();

    [Fact]
    public void Requests_that_come_before_a_refresh_are_one()
    {
        var requests = signal.Follow();
        signal.RequestRefresh();
        signal.RequestRefresh();
        Assert.True(requests.TryRead(out _));
        Assert.False(requests.TryRead(out _));
        signal.RequestRefresh();
        Assert.True(requests.TryRead(out _));
    }

    [Fact]
    public void Without_a_follower_the_stream_is_never_paused()
    {
        signal.Pause();
        Assert.False(signal.IsPaused);
        Assert.False(signal.TakePause());
    }

    [Fact]
    public void A_pause_asks_for_a_refresh_and_lasts_until_the_stream_is_resumed()
    {
        var requests = signal.Follow();
        signal.Pause();
        Assert.True(signal.IsPaused);
        Assert.True(requests.TryRead(out _));
        Assert.True(signal.TakePause());
        Assert.False(signal.TakePause());
        Assert.True(signal.IsPaused);
        signal.Resume();
        Assert.False(signal.IsPaused);
    }

    [Fact]
    public void A_refresh_that_failed_leaves_the_pause_to_the_next_one()
    {
        var requests = signal.Follow();
        signal.Pause();
        Assert.True(requests.TryRead(out _));
        Assert.True(signal.TakePause());
        signal.RequestPause();
        Assert.True(requests.TryRead(out _));
        Assert.True(signal.TakePause());
    }

    [Fact]
    public void A_refresh_alone_ends_no_pause()
    {
        signal.Follow();
        signal.RequestRefresh();
        Assert.False(signal.TakePause());
        Assert.False(signal.IsPaused);
    }
}
