namespace SyncEngine.Connectors.Targets;

/// <summary>The owner of tasks that run beside each other: it keeps each until it has ended, and can wait for all.</summary>
/// <remarks>Thread safe. The work reports its own failures; one that it lets through is thrown by <see cref="WhenAllAsync"/>.</remarks>
sealed class TaskSet
{
    private readonly Lock access = new(); // tasks end beside each other
    private readonly LinkedList<Task> running = new();
    private bool isClosed;

    /// <exception cref="ObjectDisposedException">The set has been closed.</exception>
    public void Start(Func<Task> work)
    {
        lock (access)
        {
            ObjectDisposedException.ThrowIf(isClosed, this);
            var place = running.AddLast(Task.CompletedTask);
            place.Value = RunAsync(work, place);
        }
    }

    /// <summary>Completes when the tasks that run now have ended.</summary>
    public Task WhenAllAsync()
    {
        lock (access)
        {
            return Task.WhenAll(running);
        }
    }

    /// <summary>Takes no further task, and completes when the last one has ended.</summary>
    public Task CloseAsync()
    {
        lock (access)
        {
            isClosed = true;
            return Task.WhenAll(running);
        }
    }

    private async Task RunAsync(Func<Task> work, LinkedListNode<Task> place)
    {
        await Task.Yield(); // the work does not run under the caller's locks
        try
        {
            await work();
        }
        finally
        {
            lock (access)
            {
                running.Remove(place);
            }
        }
    }
}
