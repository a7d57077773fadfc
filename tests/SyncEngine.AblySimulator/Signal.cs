namespace SyncEngine.AblySimulator;

/// <summary>
/// Tells those who wait that something has changed, so that they look again. It costs next to nothing while nobody waits.
/// </summary>
sealed class Signal
{
    private readonly Lock access = new();
    private TaskCompletionSource? next;

    public void Pulse()
    {
        Interlocked.MemoryBarrier(); // what changed is seen before it is seen that nobody waits
        if (Volatile.Read(ref next) is not null)
        {
            Interlocked.Exchange(ref next, null)?.TrySetResult();
        }
    }

    /// <summary>Waits in real time, whatever the simulator's clock says.</summary>
    public async Task UntilAsync(Func<bool> isSo, Func<string> otherwise, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(timeout, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        while (true)
        {
            var changed = Next();
            Interlocked.MemoryBarrier();
            if (isSo())
            {
                return;
            }

            try
            {
                await changed.WaitAsync(either.Token);
            }
            catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"{otherwise()} within {timeout.TotalSeconds:0.#} s", exception);
            }
        }
    }

    private Task Next()
    {
        lock (access)
        {
            if (Volatile.Read(ref next) is { } waiting)
            {
                return waiting.Task;
            }

            var created = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref next, created);
            return created.Task;
        }
    }
}
