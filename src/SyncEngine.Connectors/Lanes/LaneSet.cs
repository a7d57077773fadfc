using System.Collections.Concurrent;
using SyncEngine.Connectors.Targets;

namespace SyncEngine.Connectors.Lanes;

/// <summary>The lanes of one source: one for each name that has items. They run beside each other.</summary>
/// <remarks>
/// Lifecycle: lanes start with the first item; <see cref="StopAsync"/> lets calls under way end, <see cref="AbandonAsync"/> gives them up.
/// Backpressure: <see cref="Room"/> and <see cref="WithoutRoom"/>, which the caller of <see cref="Add"/> respects. The number of requests
/// at once is the target's own bound.
/// </remarks>
sealed class LaneSet<TItem>(LaneParts<TItem> parts)
{
    private const int BlockedShown = 100;
    private const int IdleLanesKept = 10_000;

    private readonly ConcurrentDictionary<string, Lane<TItem>> lanes = new(StringComparer.Ordinal);
    private readonly TaskSet running = new();
    private readonly CancellationTokenSource stopping = new();
    private readonly CancellationTokenSource abandoning = new();
    private readonly TaskCompletionSource failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Fails when a lane does. That lane leaves its items behind, so the owner has to end.</summary>
    public Task Failed => failed.Task;

    /// <summary>The number of items on blocked lanes.</summary>
    public int Waiting => lanes.Values.Sum(lane => lane.Waiting);

    /// <summary>The lanes that take no items now.</summary>
    public IReadOnlyCollection<string> WithoutRoom => [.. lanes.Where(lane => lane.Value.Room == 0).Select(lane => lane.Key)];

    /// <summary>The blocked lanes, the longest blocked first, at most a hundred.</summary>
    public IReadOnlyList<BlockedChannel> Blocked =>
        [.. lanes.Values.Select(lane => lane.Blocked).OfType<BlockedChannel>().OrderBy(blocked => blocked.Since).Take(BlockedShown)];

    /// <summary>The number of items that the lane takes now.</summary>
    public int Room(string name) => lanes.TryGetValue(name, out var lane) ? lane.Room : parts.Options.BatchSize;

    /// <summary>Puts items on their lanes. One caller at a time.</summary>
    /// <param name="items">In the order in which they are to be sent.</param>
    public void Add(IEnumerable<TItem> items)
    {
        foreach (var added in items.GroupBy(parts.Source.LaneOf, StringComparer.Ordinal))
        {
            var lane = lanes.GetOrAdd(added.Key, name => new Lane<TItem>(name, parts.Source.TargetOf(name), parts));
            if (lane.Add(added))
            {
                running.Start(() => RunAsync(lane));
            }
        }
    }

    /// <summary>Removes idle lanes when there are many. Called by the loop that adds.</summary>
    public void RemoveIdle()
    {
        if (lanes.Count > IdleLanesKept)
        {
            foreach (var (name, _) in lanes.Where(lane => lane.Value.IsIdle))
            {
                lanes.TryRemove(name, out _);
            }
        }
    }

    /// <summary>Begins no further call.</summary>
    public Task StopAsync() => stopping.CancelAsync();

    /// <summary>
    /// Gives up the calls under way. Their messages may be stored or not; the next owner sends them again under the same ids.
    /// </summary>
    public async Task AbandonAsync()
    {
        await StopAsync();
        await abandoning.CancelAsync();
    }

    /// <summary>Completes when every lane has ended.</summary>
    public Task WhenIdleAsync() => running.WhenAllAsync();

    private async Task RunAsync(Lane<TItem> lane)
    {
        try
        {
            await lane.RunAsync(stopping.Token, abandoning.Token);
        }
        catch (OperationCanceledException) when (abandoning.IsCancellationRequested)
        {
            // Given up, as asked.
        }
        catch (Exception failure)
        {
            Log.LaneFailed(parts.Logger, lane.Name, failure);
            failed.TrySetException(failure);
        }
    }
}
