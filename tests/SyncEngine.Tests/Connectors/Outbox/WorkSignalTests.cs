using SyncEngine.Connectors.Outbox;
using SyncEngine.Tests.Simulation;
using Xunit;

namespace SyncEngine.Tests.Connectors.Outbox;

/// <summary>The times of polls, on a clock that the test moves: none too early, none too late, and never too many.</summary>
public sealed class WorkSignalTests
{
    private static readonly TimeSpan millisecond = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(10);
    private static readonly OutboxOptions options =
        new() { Debounce = 20 * millisecond, SafetyPoll = TimeSpan.FromSeconds(10), PollInterval = TimeSpan.FromSeconds(1) };

    private readonly ManualTime time = new();

    [Fact]
    public async Task The_first_poll_is_due_at_once_and_the_next_after_the_safety_poll()
    {
        var signal = new WorkSignal(options, time);
        await Now(signal);
        await After(signal, options.SafetyPoll);
        await After(signal, options.SafetyPoll);
    }

    [Fact]
    public async Task A_notification_after_silence_is_answered_by_a_poll_at_once_and_those_that_follow_together()
    {
        var signal = new WorkSignal(options, time);
        await Now(signal);
        time.Advance(1_000 * millisecond);
        signal.Notify();
        await Now(signal);
        for (var notification = 0; notification < 100; notification++)
        {
            signal.Notify();
        }

        await After(signal, options.Debounce);
        await After(signal, options.SafetyPoll); // the hundred have made one poll
    }

    [Fact]
    public async Task A_notification_ends_a_wait_that_has_begun()
    {
        var signal = new WorkSignal(options, time);
        await Now(signal);
        var waiting = signal.WaitAsync(TestContext.Current.CancellationToken);
        time.Advance(options.Debounce);
        Assert.False(waiting.IsCompleted);
        signal.Notify();
        await waiting.WaitAsync(timeout, TimeProvider.System);
        Assert.Equal(options.Debounce, time.GetElapsedTime(0));
    }

    [Fact]
    public async Task Demand_does_not_wait_for_the_debounce()
    {
        var signal = new WorkSignal(options, time);
        await Now(signal);
        signal.Demand();
        await Now(signal);
        signal.Notify();
        signal.Demand();
        await Now(signal);
        await After(signal, options.SafetyPoll);
    }

    [Fact]
    public async Task A_poll_wanted_soon_comes_long_before_the_safety_poll_but_not_at_once()
    {
        var signal = new WorkSignal(options, time);
        await Now(signal);
        signal.WantSoon();
        await After(signal, 250 * millisecond);
        await After(signal, options.SafetyPoll);
    }

    [Fact]
    public async Task At_the_fixed_rate_notifications_change_nothing()
    {
        var signal = new WorkSignal(options with { FixedRate = true }, time);
        await Now(signal);
        signal.Notify();
        await After(signal, options.PollInterval);
        await After(signal, options.PollInterval);
    }

    [Fact]
    public async Task Expensive_polls_are_followed_by_a_pause_of_nine_times_their_length_whatever_is_demanded()
    {
        var signal = new WorkSignal(options, time);
        await Now(signal, 100 * millisecond);
        signal.Demand();
        await Now(signal, 100 * millisecond); // one among others is no reason
        signal.Demand();
        await After(signal, 10 * 100 * millisecond); // from the beginning of the poll
        signal.Demand();
        await Now(signal);
    }

    [Fact]
    public async Task Expensive_polls_that_take_enough_rows_are_followed_by_no_pause()
    {
        var signal = new WorkSignal(options, time);
        for (var poll = 0; poll < 3; poll++)
        {
            await Now(signal, 100 * millisecond, taken: 1_000);
            signal.Demand();
        }
    }

    [Fact]
    public async Task Waiting_ends_when_it_is_cancelled()
    {
        var signal = new WorkSignal(options, time);
        await Now(signal);
        using var stop = new CancellationTokenSource();
        var waiting = signal.WaitAsync(stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    private static async Task Now(WorkSignal signal, TimeSpan cost = default, int taken = 0)
    {
        var waiting = signal.WaitAsync(TestContext.Current.CancellationToken);
        Assert.True(waiting.IsCompletedSuccessfully);
        await waiting;
        signal.Polled(cost, taken);
    }

    /// <summary>Exactly then, and no earlier.</summary>
    private async Task After(WorkSignal signal, TimeSpan wait)
    {
        var waiting = signal.WaitAsync(TestContext.Current.CancellationToken);
        time.Advance(wait - TimeSpan.FromTicks(1));
        Assert.False(waiting.IsCompleted);
        time.Advance(TimeSpan.FromTicks(1));
        await waiting.WaitAsync(timeout, TimeProvider.System);
        signal.Polled(TimeSpan.Zero, 0);
    }
}
