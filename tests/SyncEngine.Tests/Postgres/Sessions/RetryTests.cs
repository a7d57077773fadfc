using SyncEngine.Postgres.Sessions;
using SyncEngine.Tests.Simulation;
using Xunit;

namespace SyncEngine.Tests.Postgres.Sessions;

public sealed class RetryTests
{
    private static readonly TimeSpan first = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan longest = TimeSpan.FromSeconds(8);

    private readonly ManualTime time = new();
    private readonly List<TimeSpan> attempts = [];

    [Fact]
    public async Task An_operation_is_run_until_it_succeeds_with_pauses_that_double()
    {
        var running = New().UntilSuccessAsync(_ => Attempt(attempts.Count < 5), failure => failure is TimeoutException, _ => { }, default);
        Advance(TimeSpan.FromSeconds(30));
        await running;
        Assert.Equal(6, attempts.Count);
        AssertPauses(1, 2, 4, 8, 8);
    }

    [Fact]
    public async Task A_failure_that_is_not_transient_ends_it()
    {
        var failures = 0;
        await Assert.ThrowsAsync<TimeoutException>(
            () => New().UntilSuccessAsync(_ => Attempt(fails: true), failure => failure is InvalidOperationException, _ => failures++, default));
        Assert.Single(attempts);
        Assert.Equal(0, failures);
    }

    [Fact]
    public async Task A_loop_that_returned_is_run_again_and_ends_when_cancelled()
    {
        using var stop = new CancellationTokenSource();
        var running = New().ForeverAsync(_ => Attempt(fails: false), _ => true, _ => { }, stop.Token);
        Advance(TimeSpan.FromSeconds(3));
        Assert.True(attempts.Count >= 2);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public void After_a_reset_the_next_pause_is_a_first_one()
    {
        var retry = New();
        _ = retry.ForeverAsync(
            _ =>
            {
                if (attempts.Count == 3)
                {
                    retry.Reset();
                }

                return Attempt(fails: true);
            },
            _ => true, _ => { }, default);
        Advance(TimeSpan.FromSeconds(12));
        AssertPauses(1, 2, 4, 1, 2);
    }

    [Fact]
    public void An_operation_that_ran_long_enough_had_recovered()
    {
        var retry = New(TimeSpan.FromSeconds(20));
        _ = retry.ForeverAsync(
            async token =>
            {
                var number = attempts.Count;
                attempts.Add(time.GetElapsedTime(0));
                await Task.Delay(number == 2 ? TimeSpan.FromSeconds(20) : TimeSpan.Zero, time, token);
                throw new TimeoutException();
            },
            _ => true, _ => { }, default);
        Advance(TimeSpan.FromSeconds(30));
        Assert.InRange(attempts[3] - attempts[2] - TimeSpan.FromSeconds(20), first / 2, first);
    }

    [Fact]
    public async Task A_pause_is_as_long_as_the_other_side_asks()
    {
        var retry = New();
        var pause = retry.PauseAsync(default, atLeast: TimeSpan.FromMinutes(1));
        Advance(TimeSpan.FromSeconds(59));
        Assert.False(pause.IsCompleted);
        Advance(TimeSpan.FromSeconds(1));
        await pause;
    }

    private Retry New(TimeSpan? recoveredAfter = null) => new(first, longest, new RetryClock(time, new Random(1))) { RecoveredAfter = recoveredAfter };

    private Task Attempt(bool fails)
    {
        attempts.Add(time.GetElapsedTime(0));
        return fails ? Task.FromException(new TimeoutException()) : Task.CompletedTask;
    }

    /// <summary>In small steps, so that what a timer resumes runs at the timer's own time.</summary>
    private void Advance(TimeSpan by)
    {
        for (var moved = TimeSpan.Zero; moved < by; moved += TimeSpan.FromMilliseconds(50))
        {
            time.Advance(TimeSpan.FromMilliseconds(50));
        }
    }

    /// <summary>Each pause lies in the upper half of the given seconds.</summary>
    private void AssertPauses(params int[] seconds)
    {
        for (var i = 0; i < seconds.Length; i++)
        {
            Assert.InRange(attempts[i + 1] - attempts[i], TimeSpan.FromSeconds(seconds[i]) / 2, TimeSpan.FromSeconds(seconds[i]) + TimeSpan.FromMilliseconds(50));
        }
    }
}
