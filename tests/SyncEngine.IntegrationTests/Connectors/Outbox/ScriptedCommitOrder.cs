using SyncEngine.Connectors.Outbox;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>The commit order of a test that makes every commit itself, one after another.</summary>
sealed class ScriptedCommitOrder : ICommitOrder
{
    private readonly Lock access = new();
    private readonly Dictionary<long, long> places = [];
    private TaskCompletionSource reported = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long place;

    public event Action? Committed;

    public long? Epoch => 1;

    public void Commit(IEnumerable<long> sequenceIds)
    {
        lock (access)
        {
            place++;
            foreach (var id in sequenceIds)
            {
                places[id] = place;
            }

            reported.TrySetResult();
            reported = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
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

    public async Task WaitForAsync(
        IReadOnlyCollection<long> sequenceIds, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
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

                next = reported.Task;
            }

            // The test reports after the commit has returned; a poll may come between.
            await next.WaitAsync(TimeSpan.FromSeconds(5), time, cancellationToken);
        }
    }
}
