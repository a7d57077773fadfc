using System.Threading.Channels;

namespace SyncEngine.Connectors.Outbox;

/// <summary>The time of the next poll of the outbox: at once, after the debounce, or after the safety poll's interval.</summary>
/// <remarks>
/// The first notification causes a poll at once; those that follow within the debounce cause one together. A lane that has room causes one
/// at once.
/// After an expensive poll (a large backlog) comes a pause of nine times its cost: polling takes a tenth of the time. The cost of a poll is
/// reduced by the rows that it takes. A single expensive poll among cheap ones is ignored, because the machine may have caused it.
/// </remarks>
sealed class WorkSignal(OutboxOptions options, TimeProvider time)
{
    private const int PauseFactor = 9;
    private static readonly TimeSpan cheap = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan costPerRow = TimeSpan.FromMicroseconds(100);
    private static readonly TimeSpan soon = TimeSpan.FromMilliseconds(250);

    private readonly Channel<bool> pulse = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private int isNotified;
    private int isDemanded = 1; // the first poll is due at once
    private int isWantedSoon;
    private long polledAt = time.GetTimestamp();
    private TimeSpan lastCost;
    private TimeSpan pause;

    /// <summary>Rows were written.</summary>
    public void Notify() => Raise(ref isNotified);

    /// <summary>There is room for rows that were left, or the set of nodes has changed.</summary>
    public void Demand() => Raise(ref isDemanded);

    /// <summary>Rows wait for an event that causes no notification.</summary>
    public void WantSoon() => Raise(ref isWantedSoon);

    /// <summary>Waits until a poll is due.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        while (Due() is { } wait && wait > TimeSpan.Zero)
        {
            using var rest = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var raised = pulse.Reader.ReadAsync(rest.Token).AsTask();
            await Task.WhenAny(raised, Task.Delay(wait, time, rest.Token));
            await rest.CancelAsync();
            cancellationToken.ThrowIfCancellationRequested();
        }

        Volatile.Write(ref isNotified, 0);
        Volatile.Write(ref isDemanded, 0);
        Volatile.Write(ref isWantedSoon, 0);
        polledAt = time.GetTimestamp();
    }

    /// <summary>The poll that <see cref="WaitAsync"/> allowed has ended.</summary>
    /// <param name="cost">Its time in the database.</param>
    /// <param name="taken">The number of rows that it took.</param>
    public void Polled(TimeSpan cost, int taken)
    {
        var loss = cost - (taken * costPerRow);
        var lesser = loss < lastCost ? loss : lastCost;
        pause = lesser > cheap ? lesser * (PauseFactor + 1) : TimeSpan.Zero;
        lastCost = loss;
    }

    private TimeSpan Due()
    {
        pulse.Reader.TryRead(out _); // what was raised until now is in the flags
        var longest = options.FixedRate ? options.PollInterval : options.SafetyPoll;
        var interval = Volatile.Read(ref isDemanded) != 0 ? TimeSpan.Zero
            : Volatile.Read(ref isNotified) != 0 && !options.FixedRate ? options.Debounce
            : Volatile.Read(ref isWantedSoon) != 0 && soon < longest ? soon
            : longest;
        return (interval > pause ? interval : pause) - time.GetElapsedTime(polledAt);
    }

    private void Raise(ref int flag)
    {
        if (Interlocked.Exchange(ref flag, 1) == 0)
        {
            pulse.Writer.TryWrite(true);
        }
    }
}
