using SyncEngine.Connectors.Outbox;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>The commit order as a test knows it that makes every commit itself, one after another.</summary>
sealed class ScriptedCommitOrder : ICommitOrder
{
    private readonly Lock access = new();
    private readonly Dictionary<long, long> places = [];
    private TaskCompletionSource told = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long place;

    public event Action? Committed;

    public long? Epoch => 1;

    public void Tell(IEnumerable<long> sequenceIds)
    {
        lock (access)
        {
            place++;
            foreach (var id in sequenceIds)
            {
                places[id] = place;
            }

            told.TrySetResult();
            told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        Committed?.Invoke();
    }

    public long? PlaceOf(long sequenceId)
    {
        lock (access)
        {
            return places.TryGetValue(sequenceId, out var known) ? known : null;
        }
    }

    public Task FollowAsync(uint relationOid, CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task WaitForAsync(IReadOnlyCollection<long> sequenceIds, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task next;
            lock (access)
            {
                if (sequenceIds.All(places.ContainsKey))
                {
                    return;
                }

                next = told.Task;
            }

            // The test tells after the commit has returned; a look may come between.
            await next.WaitAsync(TimeSpan.FromSeconds(5), time, cancellationToken);
        }
    }
}
