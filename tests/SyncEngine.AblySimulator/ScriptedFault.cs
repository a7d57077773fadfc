namespace SyncEngine.AblySimulator;

/// <summary>A fault under way: for so many requests, or until it is lifted.</summary>
public sealed class ScriptedFault : IDisposable
{
    private readonly TaskCompletionSource lifted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<ScriptedFault> remove;
    private readonly Signal signal;
    private int left;
    private int hits;

    internal ScriptedFault(Fault fault, string? channels, Doors doors, int? times, Signal signal, Action<ScriptedFault> remove)
    {
        Fault = fault;
        Channels = channels;
        Doors = doors;
        left = times ?? int.MaxValue;
        this.signal = signal;
        this.remove = remove;
    }

    public Fault Fault { get; }

    /// <summary>How often it has struck.</summary>
    public int Hits => Volatile.Read(ref hits);

    internal string? Channels { get; }

    internal Doors Doors { get; }

    internal Task Lifted => lifted.Task;

    /// <summary>Waits until it has struck so often.</summary>
    public Task WaitForHitsAsync(int count, TimeSpan timeout, CancellationToken cancellationToken = default) =>
        signal.UntilAsync(() => Hits >= count, () => $"the fault struck {Hits} times, not {count}", timeout, cancellationToken);

    /// <summary>Ends it, and lets go what hangs in it.</summary>
    public void Lift()
    {
        remove(this);
        lifted.TrySetResult();
    }

    public void Dispose() => Lift();

    internal bool AppliesTo(Doors door, string? channel) =>
        Doors.HasFlag(door) && (Channels is null || channel is not null && Pattern.Matches(Channels, channel));

    /// <summary>Takes one of the times it may strike; false when none is left.</summary>
    internal bool Strike()
    {
        var after = Interlocked.Decrement(ref left);
        if (after < 0)
        {
            return false;
        }

        if (after == 0)
        {
            remove(this); // what hangs in it goes on hanging until it is lifted
        }

        Interlocked.Increment(ref hits);
        signal.Pulse();
        return true;
    }
}
