namespace SyncEngine.AblySimulator;

/// <summary>An active fault: for a number of requests, or until it is lifted.</summary>
public sealed class ScriptedFault : IDisposable
{
    private readonly TaskCompletionSource lifted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<ScriptedFault> remove;
    private readonly Signal signal;
    private int left;
    private int hits;

    internal ScriptedFault(Fault fault, string? channels, Endpoints endpoints, int? times, Signal signal, Action<ScriptedFault> remove)
    {
        Fault = fault;
        Channels = channels;
        Endpoints = endpoints;
        left = times ?? int.MaxValue;
        this.signal = signal;
        this.remove = remove;
    }

    public Fault Fault { get; }

    /// <summary>The number of requests that it has hit.</summary>
    public int Hits => Volatile.Read(ref hits);

    internal string? Channels { get; }

    internal Endpoints Endpoints { get; }

    internal Task Lifted => lifted.Task;

    /// <summary>Waits until it has hit this many requests.</summary>
    public Task WaitForHitsAsync(int count, TimeSpan timeout, CancellationToken cancellationToken = default) =>
        signal.UntilAsync(() => Hits >= count, () => $"the fault struck {Hits} times, not {count}", timeout, cancellationToken);

    /// <summary>Ends it, and releases the requests that hang in it.</summary>
    public void Lift()
    {
        remove(this);
        lifted.TrySetResult();
    }

    public void Dispose() => Lift();

    internal bool AppliesTo(Endpoints endpoint, string? channel) =>
        Endpoints.HasFlag(endpoint) && (Channels is null || channel is not null && Pattern.Matches(Channels, channel));

    /// <summary>Uses one of its times; false when none is left.</summary>
    internal bool Strike()
    {
        var after = Interlocked.Decrement(ref left);
        if (after < 0)
        {
            return false;
        }

        if (after == 0)
        {
            remove(this); // requests that hang in it hang until it is lifted
        }

        Interlocked.Increment(ref hits);
        signal.Pulse();
        return true;
    }
}
