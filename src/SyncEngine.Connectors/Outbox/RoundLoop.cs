using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Outbox;

/// <summary>A node's rounds, one after another: each looks, numbers, claims, and puts what it has claimed on the lanes.</summary>
/// <remarks>
/// Lifecycle: a node's. Backpressure: it takes no more than lanes have room for, and <see cref="RowsInWork"/> in all. A round that fails, or of which nobody knows whether it was
/// committed, is followed by one that asks for the node's own rows, too.
/// </remarks>
sealed partial class RoundLoop(
    NodeId node, OutboxTable table, RoundMemory memory, OutboxOptions options, LaneSet lanes, SettleQueue settling, ICommitOrder? commitOrder, WorkSignal signal,
    OutboxHealth health, OutboxMetrics metrics, TimeProvider time, Random random, ILogger logger)
{
    private const int FailuresToTell = 3;
    private const int RowsPerLook = 5_000;
    private const int RowsInWork = 20_000;
    private const long BytesPerRound = 32 * 1024 * 1024;
    private static readonly TimeSpan orderPatience = TimeSpan.FromMilliseconds(50);

    /// <summary>Channels that filled a look although this node may not take their rows: the next look leaves them out.</summary>
    private readonly HashSet<string> passedOver = new(StringComparer.Ordinal);
    private long? orderEpoch;
    private bool isUnsure;
    private int failures;

    /// <exception cref="OutboxChangedException">Or the driver's own: see <see cref="OutboxTable.IsStale"/>.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var pause = new Backoff(options.RetryDelay, options.NodeExpiry, random);
        while (true)
        {
            await signal.WaitAsync(cancellationToken);
            var began = time.GetTimestamp();
            try
            {
                if (lanes.MayTake(RowsInWork))
                {
                    var (cost, taken) = await (table.Shape.Mode == OutboxMode.Reduced ? LookReducedAsync(cancellationToken) : RoundAsync(cancellationToken));
                    signal.Looked(cost, taken);
                    metrics.RoundTime.Record(time.GetElapsedTime(began).TotalSeconds);
                }
                else
                {
                    signal.WantSoon();
                }

                pause.Reset();
                failures = 0;
                health.Fault = null;
                lanes.Sweep();
            }
            catch (PostgresException conflict) when (conflict.SqlState is PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected)
            {
                isUnsure = true; // a row of the look was deleted or updated meanwhile
                await Task.Delay(pause.Next(), time, cancellationToken);
                signal.Demand();
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException && !OutboxTable.IsStale(failure))
            {
                health.CountOutboxError();
                isUnsure = true;
                if (++failures >= FailuresToTell)
                {
                    health.Fault = OutboxFault.Of(failure);
                }

                await table.ForgetConnectionAsync(failure);
                Log.RoundFailed(logger, failure.Message);
                await Task.Delay(pause.Next(), time, cancellationToken);
                signal.Demand();
            }
        }
    }

    private async Task<(TimeSpan Cost, int Taken)> RoundAsync(CancellationToken cancellationToken)
    {
        metrics.Rounds.Add(1);
        var epoch = commitOrder?.Epoch;
        var isOrdered = epoch is not null && epoch == orderEpoch;
        await using var round = await table.BeginRoundAsync(cancellationToken);
        // What was left out of the look stays left out, although its lane may have room by now: its earlier rows are not told.
        HashSet<string> leftOut = [.. lanes.Held, .. passedOver];
        var look = await round.LookAsync(new LookRequest(node.Id, memory.ProgressOf(table.Shape.Oid), leftOut, isUnsure, RowsPerLook), cancellationToken);
        var placeOf = isOrdered ? await OrderAsync(look, cancellationToken) : null;
        settling.Know(look.Tombstones);
        look = look with { Known = [.. look.Own.Concat(look.Known).Where(row => !lanes.IsInWork(row.Id))] };

        var peers = node.PeersAmong(look.LiveNodes);
        var owned = new Dictionary<string, bool>(StringComparer.Ordinal);
        bool IsOwned(string channel) => owned.TryGetValue(channel, out var known) ? known : owned[channel] = Rendezvous.IsOwner(channel, node.Id, peers);
        var plan = RoundPlan.Make(look, IsOwned, channel => leftOut.Contains(channel) ? 0 : lanes.Room(channel), placeOf, table.Shape.Sequence is not null, BytesPerRound);

        var highest = Math.Max(look.Progress.Highest, look.Highest);
        var numbers = plan.NumbersNeeded > 0 ? await round.TakeNumbersAsync(plan.NumbersNeeded, highest, cancellationToken) : [];
        var next = 0;
        var decisions = plan.Rows.Select(row => new RowDecision(row.Id, row.NeedsNumber ? numbers[next++] : row.Id, row.IsTaken)).ToList();
        var late = plan.IsPartial ? await round.NumberLateAsync(look, cancellationToken) : new NumberedRows(numbers.Count, numbers.Count > 0 ? numbers[^1] : highest);
        var hasNews = look.New.Count > 0 || look.Progress.Horizon is null;
        var progress = hasNews ? new OutboxProgress(late.Highest, look.Horizon) : null;
        var decided = plan.Rows.Select(row => row.Id).ToHashSet();
        var mustFix = hasNews && (look.IsNewCut || look.New.Any(row => !decided.Contains(row.Id)));
        var taken = await round.CommitAsync(decisions, progress, mustFix, node.Id, options.LockDuration, cancellationToken);

        metrics.Renumbered.Add(late.Count);
        memory.Keep(table.Shape.Oid, progress);
        isUnsure &= plan.IsPartial; // then rows of an earlier claim are left for the next look, too
        orderEpoch = epoch;
        lanes.Add(taken);
        WantNext(look, plan, IsOwned, taken.Count);
        return (look.Cost, taken.Count);
    }

    /// <summary>Rows that nobody will tell of: left for want of room in the look, or in work elsewhere.</summary>
    private void WantNext(OutboxLook look, RoundPlan plan, Func<string, bool> isOwned, int taken)
    {
        var before = passedOver.Count;
        if (look.IsKnownCut)
        {
            passedOver.UnionWith(look.Known.Select(row => row.Channel).Where(channel => !isOwned(channel) || look.BusyChannels.Contains(channel)));
        }
        else
        {
            passedOver.Clear();
        }

        if (plan.IsPartial || (plan.HasMore && (taken > 0 || plan.Rows.Count > 0 || look.IsNewCut || passedOver.Count > before)))
        {
            signal.Demand();
        }
        else if (plan.IsBlocked || before > 0)
        {
            signal.WantSoon();
        }
    }

    /// <summary>The stream may be a moment behind the table: rows of several commits whose order it has not told are waited for, shortly.</summary>
    private async Task<Func<long, long?>?> OrderAsync(OutboxLook look, CancellationToken cancellationToken)
    {
        if (look.New.Count > 1 && !look.IsNewCut)
        {
            await commitOrder!.WaitForAsync([.. look.New.Select(row => row.Id)], orderPatience, time, cancellationToken);
        }

        return commitOrder!.PlaceOf;
    }

    private async Task<(TimeSpan Cost, int Taken)> LookReducedAsync(CancellationToken cancellationToken)
    {
        metrics.Rounds.Add(1);
        var began = time.GetTimestamp();
        var held = lanes.Held;
        var rows = await table.LookReducedAsync(held, lanes.InWork, RowsPerLook, cancellationToken);
        var taken = rows.GroupBy(row => row.Row.Channel, StringComparer.Ordinal)
            .SelectMany(channel => channel.TakeWhile(row => row.IsRipe).Select(row => row.Row).Take(held.Contains(channel.Key) ? 0 : lanes.Room(channel.Key)))
            .ToList();
        lanes.Add(taken);
        if (rows.Count > RowsPerLook - 1 && taken.Count > 0)
        {
            signal.Demand();
        }
        else if (rows.Any(row => !row.IsRipe))
        {
            signal.WantSoon(); // nobody tells when an older writer has ended
        }

        return (time.GetElapsedTime(began), taken.Count);
    }

    private static partial class Log
    {
        [LoggerMessage(3001, LogLevel.Warning, "the outbox cannot be looked at, and will be tried again: {Reason}")]
        public static partial void RoundFailed(ILogger logger, string reason);
    }
}
