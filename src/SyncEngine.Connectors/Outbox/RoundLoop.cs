using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Connectors.Nodes;
using SyncEngine.Postgres.Errors;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Outbox;

/// <summary>A node's rounds, one after another: each polls, numbers, claims, and puts what it has claimed on the lanes.</summary>
/// <remarks>
/// Lifecycle: that of its node. Backpressure: it takes no more rows than its lanes have room for, and <see cref="MaxRowsInWork"/> at most.
/// When a round has failed, or its commit was not confirmed, the next round polls the rows that this node has locked, too.
/// Decision: docs/decisions/outbox-rounds.md.
/// </remarks>
sealed partial class RoundLoop(
    OutboxContext context, OutboxTable table, RoundMemory memory, NodeId node, OutboxWork work, SettleQueue settling)
{
    private const int FailuresUntilShown = 3;
    private const int RowsPerPoll = 5_000;
    private const int MaxRowsInWork = 20_000;
    private const long BytesPerRound = 32 * 1024 * 1024;
    private static readonly TimeSpan orderTimeout = TimeSpan.FromMilliseconds(50);

    private readonly Retry retry = new(context.Options.RetryDelay, context.Options.NodeExpiry, context.Clock);

    /// <summary>Channels whose rows filled a poll, but which this node may not take now. The next poll leaves them out.</summary>
    private readonly HashSet<string> passedOver = new(StringComparer.Ordinal);
    private long? orderEpoch;
    private bool isClaimUncertain;
    private int failures;

    /// <exception cref="OutboxChangedException">The outbox is another table now. Others: <see cref="OutboxTable.IsStale"/>.</exception>
    public Task RunAsync(CancellationToken cancellationToken) => retry.ForeverAsync(
        RunRoundsAsync, OutboxTable.IsTransient, OnFailureAsync, cancellationToken);

    private async Task RunRoundsAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await context.Signal.WaitAsync(cancellationToken);
            var began = context.Time.GetTimestamp();
            if (work.MayTake(MaxRowsInWork))
            {
                var (cost, taken) = await (
                    table.Shape.Mode == OutboxMode.Reduced ? PollReducedAsync(cancellationToken) : RoundAsync(cancellationToken));
                context.Signal.Polled(cost, taken);
                context.Metrics.RoundTime.Record(context.Time.GetElapsedTime(began).TotalSeconds);
            }
            else
            {
                context.Signal.WantSoon();
            }

            retry.Reset();
            failures = 0;
            context.Health.Fault = null;
            work.Lanes.RemoveIdle();
        }
    }

    private async ValueTask OnFailureAsync(Exception failure)
    {
        isClaimUncertain = true;
        context.Signal.Demand();
        if (DatabaseFailure.IsConflict(failure))
        {
            return; // a row of the poll was deleted or updated meanwhile
        }

        context.Health.CountOutboxError();
        if (++failures >= FailuresUntilShown)
        {
            context.Health.Fault = OutboxFault.Of(failure);
        }

        await table.ForgetConnectionAsync(failure);
        Log.RoundFailed(context.Logger, failure.Message);
    }

    private async Task<(TimeSpan Cost, int Taken)> RoundAsync(CancellationToken cancellationToken)
    {
        context.Metrics.Rounds.Add(1);
        var epoch = context.Connections.CommitOrder?.Epoch;
        var isOrdered = epoch is not null && epoch == orderEpoch;
        await using var round = await table.BeginRoundAsync(cancellationToken);
        // The round takes no row of a channel that the poll left out, even if its lane has room by now. Earlier rows of it are not known.
        HashSet<string> leftOut = [.. work.Lanes.WithoutRoom, .. passedOver];
        var request = new PollRequest(node.Id, memory.ProgressOf(table.Shape.Oid), leftOut, isClaimUncertain, RowsPerPoll);
        var poll = await round.PollAsync(request, cancellationToken);
        var placeOf = isOrdered ? await OrderAsync(poll, cancellationToken) : null;
        settling.AddTombstones(poll.Tombstones);
        poll = poll with { Known = [.. poll.Own.Concat(poll.Known).Where(row => !work.IsInWork(row.Id))] };

        var peers = node.PeersAmong(poll.LiveNodes);
        var owned = new Dictionary<string, bool>(StringComparer.Ordinal);
        bool IsOwned(string channel) =>
            owned.TryGetValue(channel, out var known) ? known : owned[channel] = Rendezvous.IsOwner(channel, node.Id, peers);
        int RoomOf(string channel) => leftOut.Contains(channel) ? 0 : work.Lanes.Room(channel);
        var plan = RoundPlan.Make(poll, new ChannelRoom(IsOwned, RoomOf), placeOf, table.Shape.Sequence is not null, BytesPerRound);

        var highest = Math.Max(poll.Progress.Highest, poll.Highest);
        var numbers = plan.NumbersNeeded > 0 ? await round.TakeNumbersAsync(plan.NumbersNeeded, highest, cancellationToken) : [];
        var next = 0;
        var decisions = plan.Rows.Select(row => new RowDecision(row.Id, row.NeedsNumber ? numbers[next++] : row.Id, row.IsTaken)).ToList();
        var late = plan.IsPartial
            ? await round.NumberLateAsync(poll, cancellationToken)
            : new NumberedRows(numbers.Count, numbers.Count > 0 ? numbers[^1] : highest);
        var hasNewRows = poll.New.Count > 0 || poll.Progress.Horizon is null;
        var progress = hasNewRows ? new OutboxProgress(late.Highest, poll.Horizon) : null;
        var decided = plan.Rows.Select(row => row.Id).ToHashSet();
        var mustFix = hasNewRows && (poll.IsNewCut || poll.New.Any(row => !decided.Contains(row.Id)));
        var taken = await round.CommitAsync(decisions, progress, mustFix, node.Id, context.Options.LockDuration, cancellationToken);

        context.Metrics.Renumbered.Add(late.Count);
        memory.Keep(table.Shape.Oid, progress);
        isClaimUncertain &= plan.IsPartial; // a partial plan leaves the rows of an earlier claim for the next poll
        orderEpoch = epoch;
        work.Add(taken);
        WantNext(poll, plan, IsOwned, taken.Count);
        return (poll.Cost, taken.Count);
    }

    /// <summary>
    /// Asks for another round where no notification will: the poll or the plan left rows out, or another node has rows in work.
    /// </summary>
    private void WantNext(OutboxPoll poll, RoundPlan plan, Func<string, bool> isOwned, int taken)
    {
        var before = passedOver.Count;
        if (poll.IsKnownCut)
        {
            passedOver.UnionWith(
                poll.Known.Select(row => row.Channel).Where(channel => !isOwned(channel) || poll.BusyChannels.Contains(channel)));
        }
        else
        {
            passedOver.Clear();
        }

        if (plan.IsPartial || (plan.HasMore && (taken > 0 || plan.Rows.Count > 0 || poll.IsNewCut || passedOver.Count > before)))
        {
            context.Signal.Demand();
        }
        else if (plan.IsBusyElsewhere || before > 0)
        {
            context.Signal.WantSoon();
        }
    }

    /// <summary>
    /// Gets the commit order of the poll's rows. The stream may be a moment behind the table, so it waits shortly for several new rows.
    /// </summary>
    private async Task<Func<long, long?>?> OrderAsync(OutboxPoll poll, CancellationToken cancellationToken)
    {
        var order = context.Connections.CommitOrder!;
        if (poll.New.Count > 1 && !poll.IsNewCut)
        {
            await order.WaitForAsync([.. poll.New.Select(row => row.Id)], orderTimeout, context.Time, cancellationToken);
        }

        return order.PlaceOf;
    }

    private async Task<(TimeSpan Cost, int Taken)> PollReducedAsync(CancellationToken cancellationToken)
    {
        context.Metrics.Rounds.Add(1);
        var began = context.Time.GetTimestamp();
        var leftOut = work.Lanes.WithoutRoom;
        var rows = await table.PollReducedAsync(leftOut, work.LockedIds, RowsPerPoll, cancellationToken);
        var taken = rows.GroupBy(row => row.Row.Channel, StringComparer.Ordinal)
            .SelectMany(channel => channel.TakeWhile(row => row.IsRipe).Select(row => row.Row).Take(
                leftOut.Contains(channel.Key) ? 0 : work.Lanes.Room(channel.Key)))
            .ToList();
        work.Add(taken);
        if (rows.Count > RowsPerPoll - 1 && taken.Count > 0)
        {
            context.Signal.Demand();
        }
        else if (rows.Any(row => !row.IsRipe))
        {
            context.Signal.WantSoon(); // no notification comes when an older transaction ends
        }

        return (context.Time.GetElapsedTime(began), taken.Count);
    }

    private static partial class Log
    {
        [LoggerMessage(3001, LogLevel.Warning, "the outbox could not be polled, and is polled again: {Reason}")]
        public static partial void RoundFailed(ILogger logger, string reason);
    }
}
