using SyncEngine.Connectors.Targets;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Lanes;

/// <summary>
/// One lane: items on their way to one target, in order, one call at a time. A refused item is sent again before any item after it.
/// </summary>
/// <remarks>
/// Lifecycle: it runs while it has items. Backpressure: <see cref="Room"/>, which the caller of <see cref="Add"/> respects.
/// Stored: nothing; an item stays its source's until it is settled. After a crash the next owner sends the same messages under the same
/// ids.
/// Decision: docs/decisions/delivery-lanes.md.
/// </remarks>
sealed class Lane<TItem>(string name, IMessageTarget target, LaneParts<TItem> parts)
{
    private const int UncertainTries = 8;
    private static readonly TimeSpan longestAsked = TimeSpan.FromMinutes(5);

    private readonly Lock access = new(); // the source adds, the lane's own run takes
    private readonly Queue<TItem> items = new();
    private readonly Retry retry = new(parts.Options.RetryDelay, parts.Options.MaxRetryDelay, parts.Clock);
    private bool isRunning;
    private int uncertainTries;
    private volatile BlockedChannel? blocked;

    public string Name => name;

    /// <summary>The reason why it waits; null while it does not.</summary>
    public BlockedChannel? Blocked => blocked;

    /// <summary>The number of items that wait while the lane is blocked.</summary>
    public int Waiting
    {
        get
        {
            lock (access)
            {
                return blocked is null ? 0 : items.Count;
            }
        }
    }

    /// <summary>The number of items that may be added: a batch when half of the last one is gone, none while the lane is blocked.</summary>
    public int Room
    {
        get
        {
            lock (access)
            {
                return blocked is null && items.Count <= parts.Options.HalfBatch ? parts.Options.BatchSize : 0;
            }
        }
    }

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

    /// <returns>True when the caller must run the lane.</returns>
    public bool Add(IEnumerable<TItem> added)
    {
        lock (access)
        {
            foreach (var item in added)
            {
                items.Enqueue(item);
            }

            var mustRun = !isRunning && items.Count > 0;
            isRunning |= mustRun;
            return mustRun;
        }
    }

    /// <summary>Sends until nothing is left, or until sending ends. What is left then belongs to the next owner.</summary>
    /// <param name="stopping">No further call begins.</param>
    /// <param name="abandoning">The call under way is given up.</param>
    public async Task RunAsync(CancellationToken stopping, CancellationToken abandoning)
    {
        while (!stopping.IsCancellationRequested && parts.Source.MaySend && Next() is { Count: > 0 } batch)
        {
            var result = await PublishAsync(batch, abandoning);
            foreach (var item in batch.Take(result.Stored))
            {
                parts.Settlement.Stored(item, target.Name);
            }

            if (result.Stored > 0)
            {
                Remove(result.Stored);
                Unblock();
            }

            if (result.Refusal is { } refusal)
            {
                await OnRefusedAsync(batch[result.Stored], refusal, stopping);
            }
        }
    }

    private async Task<PublishResult> PublishAsync(List<TItem> batch, CancellationToken abandoning)
    {
        parts.Settlement.Sending(batch.Count);
        try
        {
            return await target.PublishAsync([.. batch.Select(parts.Source.Compose)], abandoning);
        }
        catch (Exception failure) when (failure is not OperationCanceledException || !abandoning.IsCancellationRequested)
        {
            // A target answers for each message. One that throws has a fault, which must not reach other lanes.
            Log.TargetFailed(parts.Logger, target.Name, failure);
            return new PublishResult(
                0, new Refusal(RefusalKind.Retry, "internal", "the target failed unexpectedly; the log has the details"));
        }
        finally
        {
            parts.Settlement.Sending(-batch.Count);
        }
    }

    private async Task OnRefusedAsync(TItem item, Refusal refusal, CancellationToken stopping)
    {
        uncertainTries = refusal.Kind == RefusalKind.Uncertain ? uncertainTries + 1 : 0;
        var isFinal = refusal.Kind == RefusalKind.Never || uncertainTries >= UncertainTries;
        if (isFinal && parts.Settlement.TrySetAside(item, target.Name, refusal))
        {
            Remove(1);
            Unblock();
            return;
        }

        blocked = new BlockedChannel(
            name, target.Name, refusal.Code, refusal.Reason, blocked?.Since ?? parts.Clock.Time.GetUtcNow(), (blocked?.Tries ?? 0) + 1);
        parts.Settlement.Retrying(target.Name, refusal);
        try
        {
            var asked = refusal.After ?? TimeSpan.Zero;
            await retry.PauseAsync(stopping, atLeast: asked < longestAsked ? asked : longestAsked);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The loop ends.
        }
    }

    private void Unblock()
    {
        uncertainTries = 0;
        retry.Reset();
        if (blocked is not null)
        {
            blocked = null;
            parts.Source.RequestMore(); // the source left the lane out meanwhile
        }
    }

    private List<TItem>? Next()
    {
        lock (access)
        {
            if (items.Count == 0)
            {
                isRunning = false;
                return null;
            }

            return [.. items.Take(target.MessagesPerCall)];
        }
    }

    private void Remove(int count)
    {
        bool hasRoom;
        lock (access)
        {
            var before = items.Count;
            for (var i = 0; i < count; i++)
            {
                items.Dequeue();
            }

            hasRoom = before > parts.Options.HalfBatch && items.Count <= parts.Options.HalfBatch;
        }

        if (hasRoom)
        {
            parts.Source.RequestMore();
        }
    }
}
