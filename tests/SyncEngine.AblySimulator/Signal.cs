namespace SyncEngine.AblySimulator;

/// <summary>Wakes waiters when something has changed, so that they check again. It costs almost nothing while there are none.</summary>
sealed class Signal
{
    private readonly Lock access = new();
    private TaskCompletionSource? next;

    public void Pulse()
    {
        Interlocked.MemoryBarrier(); // the change is visible before the number of waiters is read
        if (Volatile.Read(ref next) is not null)
        {
            Interlocked.Exchange(ref next, null)?.TrySetResult();
        }
    }

    /// <summary>Waits in real time, independent of the simulator's clock.</summary>
    public async Task UntilAsync(Func<bool> isSo, Func<string> otherwise, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(timeout, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
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
