using System.Threading.Channels;

namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// When to look at the outbox: at once for the first notification, then together for those that follow within the debounce; at once when a lane has
/// room; and after the longest silence that is allowed.
/// </summary>
/// <remarks>
/// Looks that are dear (a large backlog) are followed by a pause of nine times as long, so that looking takes a tenth of the time. What a look yields pays for it, and one
/// that is dear among others that are not is the machine's doing.
/// </remarks>
sealed class WorkSignal(OutboxOptions options, TimeProvider time)
{
    private const int PauseFactor = 9;
    private static readonly TimeSpan cheap = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan worthOfRow = TimeSpan.FromMicroseconds(100);
    private static readonly TimeSpan soon = TimeSpan.FromMilliseconds(250);

    private readonly Channel<bool> pulse = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private int isNotified;
    private int isDemanded = 1; // the first look is due at once
    private int isWantedSoon;
    private long lookedAt = time.GetTimestamp();
    private TimeSpan lastCost;
    private TimeSpan pause;

    /// <summary>Somebody has written.</summary>
    public void Notify() => Raise(ref isNotified);

    /// <summary>There is room for rows that were left, or the nodes are others now.</summary>
    public void Demand() => Raise(ref isDemanded);

    /// <summary>Rows wait for something that nobody will tell of.</summary>
    public void WantSoon() => Raise(ref isWantedSoon);

    /// <summary>Until a look is due.</summary>
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
        lookedAt = time.GetTimestamp();
    }

    /// <summary>The look that <see cref="WaitAsync"/> allowed has ended.</summary>
    /// <param name="cost">What it took.</param>
    /// <param name="taken">Rows that it took.</param>
    public void Looked(TimeSpan cost, int taken)
    {
        var loss = cost - (taken * worthOfRow);
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
        return (interval > pause ? interval : pause) - time.GetElapsedTime(lookedAt);
    }

    private void Raise(ref int flag)
    {
        if (Interlocked.Exchange(ref flag, 1) == 0)
        {
            pulse.Writer.TryWrite(true);
        }
    }
}
