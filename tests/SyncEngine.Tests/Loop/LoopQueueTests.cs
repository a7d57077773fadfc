using SyncEngine.Errors;
using SyncEngine.Loop;
using Xunit;

namespace SyncEngine.Tests.Loop;

public sealed class LoopQueueTests
{
    private const int Capacity = 65_536;

    private readonly LoopQueue queue = new();

    [Fact]
    public async Task A_request_runs_on_the_loop_and_its_caller_gets_the_result_or_the_failure()
    {
        var answered = queue.InvokeAsync(() => 7, CancellationToken.None);
        var failed = queue.InvokeAsync(() => throw new InvalidOperationException("no"), CancellationToken.None);
        Assert.False(answered.IsCompleted);
        Assert.False(queue.Drain(10));
        Assert.Equal(7, await answered);
        Assert.Equal("no", (await Assert.ThrowsAsync<InvalidOperationException>(() => failed)).Message);
    }

    [Fact]
    public void A_round_runs_no_more_requests_than_it_may()
    {
        List<int> ran = [];
        for (var i = 0; i < 3; i++)
        {
            var number = i;
            queue.Post(() => ran.Add(number));
        }

        Assert.True(queue.Drain(2));
        Assert.Equal([0, 1], ran);
        Assert.False(queue.Drain(2));
        Assert.Equal([0, 1, 2], ran);
    }

    [Fact]
    public void An_answer_of_the_engines_own_is_taken_although_the_queue_is_full()
    {
        for (var i = 0; i < Capacity; i++)
        {
            queue.Post(() => { });
        }

        var isAnswered = false;
        queue.Post(() => isAnswered = true);
        Assert.True(queue.Drain(1));
        Assert.True(isAnswered);
    }

    [Fact]
    public async Task Requests_that_wait_at_the_end_are_answered_and_later_ones_are_refused()
    {
        var waiting = queue.InvokeAsync(() => 7, CancellationToken.None);
        queue.Complete();
        Assert.Equal(7, await waiting);
        var refused = await Assert.ThrowsAsync<SyncException>(() => queue.InvokeAsync(() => 8, CancellationToken.None));
        Assert.Equal(ErrorCode.ShuttingDown, refused.Code);
    }

    [Fact]
    public async Task A_request_wakes_the_loop()
    {
        var awake = queue.WaitAsync(CancellationToken.None);
        Assert.False(awake.IsCompleted);
        queue.Post(() => { });
        Assert.True(await awake);
    }
}
