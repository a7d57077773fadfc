namespace SyncEngine.Tests.Simulation;

/// <summary>A clock that the test moves; timers that fall due fire inside <see cref="Advance"/>.</summary>
sealed class ManualTime : TimeProvider
{
    private static readonly DateTimeOffset start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly List<Timer> timers = [];
    private TimeSpan elapsed;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => start + elapsed;

    public override long GetTimestamp() => elapsed.Ticks;

    public void Advance(TimeSpan by)
    {
        var until = elapsed + by;
        while (timers.Where(timer => timer.DueAt <= until).MinBy(timer => timer.DueAt) is { } due)
        {
            elapsed = due.DueAt;
            due.Fire();
        }

        elapsed = until;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        timer.Change(dueTime, period);
        timers.Add(timer);
        return timer;
    }

    private sealed class Timer(ManualTime time, Action fire) : ITimer
    {
        private TimeSpan period;

        public TimeSpan DueAt { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan newPeriod)
        {
            period = newPeriod;
            DueAt = dueTime == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : time.elapsed + dueTime;
            return true;
        }

        public void Fire()
        {
            DueAt = period > TimeSpan.Zero ? DueAt + period : TimeSpan.MaxValue;
            fire();
        }

        public void Dispose() => time.timers.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
