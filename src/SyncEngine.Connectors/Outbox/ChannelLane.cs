using SyncEngine.Connectors.Targets;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// One channel's rows on their way, in order of id, one call at a time. A row that is refused for now is tried again before any row after it.
/// </summary>
/// <remarks>
/// Lifecycle: it runs while it has rows. Bounded by <see cref="Room"/>, which rounds respect. Stored: nothing; what is in it is locked in the table, and
/// whoever takes it up after a crash sends the same messages under the same ids.
/// </remarks>
sealed class ChannelLane(string channel, IMessageTarget target, LaneSet lanes)
{
    private const int DoubtfulTries = 8;
    private static readonly TimeSpan longestAsked = TimeSpan.FromMinutes(5);

    private readonly Lock access = new(); // rounds add, the lane's own run takes
    private readonly Queue<OutboxRow> rows = new();
    private readonly Backoff pause = lanes.NewPause();
    private bool isRunning;
    private int doubts;
    private volatile HeldChannel? trouble;

    public string Channel => channel;

    /// <summary>Why it waits; null while it does not.</summary>
    public HeldChannel? Trouble => trouble;

    /// <summary>Rows that wait for a target in trouble.</summary>
    public int Waiting
    {
        get
        {
            lock (access)
            {
                return trouble is null ? 0 : rows.Count;
            }
        }
    }

    /// <summary>How many rows a round may add: a batch, when half of the last one is gone and the target takes what it gets.</summary>
    public int Room(int batchSize)
    {
        lock (access)
        {
            return trouble is null && rows.Count <= batchSize / 2 ? batchSize : 0;
        }
    }

    /// <returns>Whether it must be run.</returns>
    public bool Add(IEnumerable<OutboxRow> taken)
    {
        lock (access)
        {
            foreach (var row in taken)
            {
                rows.Enqueue(row);
            }

            var mustRun = !isRunning && rows.Count > 0;
            isRunning |= mustRun;
            return mustRun;
        }
    }

    /// <summary>It has nothing, and nothing to say.</summary>
    public bool IsIdle
    {
        get
        {
            lock (access)
            {
                return !isRunning;
            }
        }
    }

    /// <summary>Sends until nothing is left, or the node stops or loses its lease; then what is left is the next owner's.</summary>
    /// <param name="stopping">No call is begun any more.</param>
    /// <param name="abandoning">The call under way is given up.</param>
    public async Task RunAsync(CancellationToken stopping, CancellationToken abandoning)
    {
        while (!stopping.IsCancellationRequested && lanes.MaySend && Next() is { Count: > 0 } batch)
        {
            var result = await PublishAsync(batch, abandoning);
            foreach (var row in batch.Take(result.Stored))
            {
                lanes.OnStored(row, target.Name);
            }

            if (result.Stored > 0)
            {
                Remove(result.Stored);
                Recover();
            }

            if (result.Refusal is { } refusal)
            {
                await OnRefusedAsync(batch[result.Stored], refusal, stopping);
            }
        }
    }

    private async Task<PublishResult> PublishAsync(List<OutboxRow> batch, CancellationToken abandoning)
    {
        lanes.OnSending(batch.Count);
        try
        {
            return await target.PublishAsync([.. batch.Select(MessageComposer.Compose)], abandoning);
        }
        catch (Exception failure) when (failure is not OperationCanceledException || !abandoning.IsCancellationRequested)
        {
            // A target answers for each message; one that throws has a fault, which must stay its own.
            lanes.OnTargetFault(target.Name, failure);
            return new PublishResult(0, new Refusal(RefusalKind.Retry, "internal", "the target failed unexpectedly; the log has the details"));
        }
        finally
        {
            lanes.OnSending(-batch.Count);
        }
    }

    private async Task OnRefusedAsync(OutboxRow row, Refusal refusal, CancellationToken stopping)
    {
        doubts = refusal.Kind == RefusalKind.Doubtful ? doubts + 1 : 0;
        if ((refusal.Kind == RefusalKind.Never || doubts >= DoubtfulTries) && lanes.TryDeadLetter(row, target.Name, refusal))
        {
            Remove(1);
            Recover();
            return;
        }

        trouble = new HeldChannel(channel, target.Name, refusal.Code, refusal.Reason, trouble?.Since ?? lanes.Now, (trouble?.Tries ?? 0) + 1);
        lanes.OnTrouble(target.Name, refusal);
        var wait = pause.Next();
        try
        {
            await Task.Delay(refusal.After is { } asked && asked > wait ? (asked < longestAsked ? asked : longestAsked) : wait, lanes.Time, stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The loop ends.
        }
    }

    private void Recover()
    {
        doubts = 0;
        pause.Reset();
        if (trouble is not null)
        {
            trouble = null;
            lanes.OnRoom(); // looks left the channel out meanwhile
        }
    }

    private List<OutboxRow>? Next()
    {
        lock (access)
        {
            if (rows.Count == 0)
            {
                isRunning = false;
                return null;
            }

            return [.. rows.Take(target.MessagesPerCall)];
        }
    }

    private void Remove(int count)
    {
        bool hasRoom;
        lock (access)
        {
            var before = rows.Count;
            for (var i = 0; i < count; i++)
            {
                rows.Dequeue();
            }

            hasRoom = before > lanes.HalfBatch && rows.Count <= lanes.HalfBatch;
        }

        if (hasRoom)
        {
            lanes.OnRoom();
        }
    }
}
