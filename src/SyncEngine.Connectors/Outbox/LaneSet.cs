using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using SyncEngine.Connectors.Targets;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Outbox;

/// <summary>What a node has in work: a lane for each channel that has rows, and the ids that it holds locked.</summary>
/// <remarks>Lanes run beside each other, as many as there are channels; how many requests that makes at once is the target's own bound.</remarks>
sealed partial class LaneSet(
    OutboxOptions options,
    IReadOnlyList<TargetRoute> routes,
    NodeLease lease,
    WorkSignal signal,
    SettleQueue settling,
    bool mayDeadLetter,
    OutboxHealth health,
    OutboxMetrics metrics,
    TimeProvider time,
    Random random,
    ILogger logger,
    CancellationToken stopping,
    CancellationToken abandoning)
{
    private const int HeldToTell = 100;
    private const int IdleLanesKept = 10_000;

    private readonly ConcurrentDictionary<string, ChannelLane> lanes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<long, long> inWork = new(); // id → when it was taken
    private readonly ConcurrentDictionary<Task, bool> running = new();
    private readonly TaskCompletionSource failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Fails when a lane does, which leaves its rows behind: the node's life has to end.</summary>
    public Task Failed => failed.Task;

    public TimeProvider Time => time;

    public DateTimeOffset Now => time.GetUtcNow();

    public int HalfBatch => options.BatchSize / 2;

    public bool MaySend => lease.IsValid;

    /// <summary>Ids that are locked for this node: in a lane, or stored and not settled yet.</summary>
    public IReadOnlyCollection<long> InWork => [.. inWork.Keys];

    public bool IsInWork(long id) => inWork.ContainsKey(id);

    /// <summary>Rows of channels that wait for their target do not count, so that they take no place from the others; of those there may be ten times as many.</summary>
    public bool MayTake(int rows) => inWork.Count < rows || (inWork.Count < 10 * rows && inWork.Count - lanes.Values.Sum(lane => lane.Waiting) < rows);

    /// <summary>Channels that take no rows at present.</summary>
    public IReadOnlyCollection<string> Held => [.. lanes.Where(lane => lane.Value.Room(options.BatchSize) == 0).Select(lane => lane.Key)];

    public int Room(string channel) => lanes.TryGetValue(channel, out var lane) ? lane.Room(options.BatchSize) : options.BatchSize;

    public Backoff NewPause() => new(options.RetryDelay, options.MaxRetryDelay, random);

    /// <summary>Puts rows on their lanes.</summary>
    /// <param name="rows">In order of id; rows that are in work already are left out.</param>
    public void Add(IEnumerable<OutboxRow> rows)
    {
        var now = time.GetTimestamp();
        foreach (var taken in rows.Where(row => inWork.TryAdd(row.Id, now)).GroupBy(row => row.Channel, StringComparer.Ordinal))
        {
            var lane = lanes.GetOrAdd(taken.Key, channel => new ChannelLane(channel, RouteOf(channel), this));
            if (lane.Add(taken))
            {
                var run = lane.RunAsync(stopping, abandoning);
                running.TryAdd(run, true);
                _ = run.ContinueWith(OnLaneEnded, lane, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            }
        }
    }

    /// <summary>Until every lane has ended: they do when the node stops.</summary>
    public async Task WhenIdleAsync()
    {
        foreach (var run in running.Keys)
        {
            try
            {
                await run;
            }
            catch (Exception)
            {
                // Abandoned: whether its message is stored is not known, and its next owner sends it again under the same id. Or failed, which has been told.
            }
        }
    }

    public void OnSending(int messages) => health.Pending(messages);

    public void OnStored(OutboxRow row, string target)
    {
        metrics.Published.Add(1, new KeyValuePair<string, object?>("target", target));
        if (inWork.TryGetValue(row.Id, out var takenAt))
        {
            metrics.Lag.Record(time.GetElapsedTime(takenAt).TotalSeconds);
        }

        settling.Add(new Settlement(new SettledRow(row.Id, row.MutationId), Letter: null));
    }

    /// <summary>False where the row has to hold its channel: by option, or because nothing may be written to sync.dead_letters.</summary>
    public bool TryDeadLetter(OutboxRow row, string target, Refusal refusal)
    {
        if (options.Refused == RefusedRow.Hold || !mayDeadLetter)
        {
            return false;
        }

        Log.DeadLettered(logger, row.Id, row.Channel, target, refusal.Code, refusal.Reason);
        metrics.DeadLetters.Add(1, new KeyValuePair<string, object?>("target", target), new KeyValuePair<string, object?>("code", refusal.Code));
        settling.Add(new Settlement(new SettledRow(row.Id, row.MutationId), new DeadLetter($"{target}:{row.Channel}", refusal.Code, refusal.Reason)));
        return true;
    }

    public void OnTrouble(string target, Refusal refusal)
    {
        metrics.Retries.Add(1, new KeyValuePair<string, object?>("target", target), new KeyValuePair<string, object?>("code", refusal.Code));
    }

    /// <summary>Whoever reads the health gathers the lanes in trouble: they would cost too much to gather for each attempt when there are thousands.</summary>
    public void TellHealth() => health.TellHeldBy(InTrouble);

    public void OnTargetFault(string target, Exception failure) => Log.TargetFailed(logger, target, failure);

    /// <summary>Looks left the channel out while it had no room, so nobody knows whether more rows wait.</summary>
    public void OnRoom() => signal.Demand();

    /// <summary>Rows are gone from the table.</summary>
    public void OnSettled(IEnumerable<long> ids)
    {
        foreach (var id in ids)
        {
            inWork.TryRemove(id, out _);
        }
    }

    /// <summary>Forgets idle lanes when there are many. Called by the loop that adds.</summary>
    public void Sweep()
    {
        if (lanes.Count > IdleLanesKept)
        {
            foreach (var (channel, _) in lanes.Where(lane => lane.Value.IsIdle))
            {
                lanes.TryRemove(channel, out _);
            }
        }
    }

    private IReadOnlyList<HeldChannel> InTrouble() => [.. lanes.Values.Select(lane => lane.Trouble).OfType<HeldChannel>().OrderBy(held => held.Since).Take(HeldToTell)];

    private IMessageTarget RouteOf(string channel) => routes.FirstOrDefault(route => route.Fits(channel))?.Target ?? UnroutedTarget.Instance;

    private void OnLaneEnded(Task run, object? state)
    {
        running.TryRemove(run, out _);
        if (run.IsFaulted)
        {
            Log.LaneFailed(logger, ((ChannelLane)state!).Channel, run.Exception);
            failed.TrySetException(run.Exception!);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3011, LogLevel.Warning, "row {Id} of channel {Channel} was refused by {Target} for good and is a dead letter now: {Code} {Reason}")]
        public static partial void DeadLettered(ILogger logger, long id, string channel, string target, string code, string reason);

        [LoggerMessage(3012, LogLevel.Error, "target {Target} failed in a way it should not; the message is tried again")]
        public static partial void TargetFailed(ILogger logger, string target, Exception failure);

        [LoggerMessage(3013, LogLevel.Error, "the lane of channel {Channel} failed")]
        public static partial void LaneFailed(ILogger logger, string channel, Exception? failure);
    }
}
