using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>Why a node's life ended.</summary>
enum NodeEnd
{
    Stopped,

    /// <summary>The tables are others now; the next node reads their shape anew.</summary>
    Stale,

    /// <summary>It could not say that it lives for as long as its expiry: its rows are others' now.</summary>
    Expelled,
}

/// <summary>
/// One life of a node, from its entry in the nodes table to its end: the loop of rounds, the heartbeat, the settling, and the lanes between them.
/// </summary>
/// <remarks>
/// Each life has an id of its own, so that what an earlier one left locked is a dead node's. Backpressure: rounds take no more than lanes have room for, and
/// <see cref="RowsInWork"/> in all. Stored: locks in the outbox. After a crash: the rows are taken by others when this node's expiry has passed.
/// </remarks>
sealed partial class OutboxNode
{
    private const int RowsPerLook = 5_000;
    private const int RowsInWork = 20_000;
    private const long BytesPerRound = 32 * 1024 * 1024;
    private static readonly TimeSpan orderPatience = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan sendingGrace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan settlingGrace = TimeSpan.FromSeconds(3);

    private readonly string id = Guid.NewGuid().ToString();
    private readonly OutboxTable table;
    private readonly NpgsqlDataSource database;
    private readonly OutboxOptions options;
    private readonly ICommitOrder? commitOrder;
    private readonly WorkSignal signal;
    private readonly OutboxHealth health;
    private readonly OutboxMetrics metrics;
    private readonly TimeProvider time;
    private readonly Random random;
    private readonly ILogger logger;
    private readonly NodeLease lease;
    private readonly SettleQueue settling;
    private readonly LaneSet lanes;
    private readonly CancellationTokenSource stopSending = new();
    private readonly CancellationTokenSource abandon = new();

    // Of the loop of rounds alone.
    private readonly HashSet<string> passedOver = new(StringComparer.Ordinal);
    private OutboxProgress? remembered;
    private long? orderEpoch;
    private bool isUnsure;
    private IReadOnlySet<string> nodes = new HashSet<string>(StringComparer.Ordinal);

    public OutboxNode(
        OutboxTable table, NpgsqlDataSource database, OutboxOptions options, IReadOnlyList<TargetRoute> routes, ICommitOrder? commitOrder, WorkSignal signal,
        OutboxHealth health, OutboxMetrics metrics, TimeProvider time, Random random, ILogger logger)
    {
        this.table = table;
        this.database = database;
        this.options = options;
        this.commitOrder = commitOrder;
        this.signal = signal;
        this.health = health;
        this.metrics = metrics;
        this.time = time;
        this.random = random;
        this.logger = logger;
        lease = new NodeLease(options.NodeExpiry, time);
        settling = new SettleQueue(table, id, options, health, time, random, logger);
        lanes = new LaneSet(options, routes, lease, signal, settling, table.Shape.KeepsDeadLetters, health, metrics, time, random, logger, stopSending.Token, abandon.Token);
        settling.Settled += lanes.OnSettled;
        lanes.TellHealth();
    }

    /// <summary>Cancelled together with the run, it ends the life as a killed process would: nothing is finished, nothing told. For simulations.</summary>
    internal CancellationToken Crash { get; init; }

    private bool IsReduced => table.Shape.Mode == OutboxMode.Reduced;

    /// <summary>Runs until told to stop, or until this life cannot go on.</summary>
    public async Task<NodeEnd> RunAsync(CancellationToken cancellationToken)
    {
        await using var only = IsReduced ? await BeOnlyNodeAsync(cancellationToken) : null;
        try
        {
            return await LiveAsync(only, cancellationToken);
        }
        finally
        {
            if (only is not null)
            {
                await OutboxTable.YieldAsync(only);
            }
        }
    }

    private async Task<NodeEnd> LiveAsync(NpgsqlConnection? only, CancellationToken cancellationToken)
    {
        if (only is null)
        {
            await table.JoinAsync(id, options.NodeExpiry, cancellationToken);
        }

        await BeatAsync(only, cancellationToken);
        if (commitOrder is not null)
        {
            await commitOrder.FollowAsync(table.Shape.Oid, cancellationToken);
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var settleEnding = new CancellationTokenSource();
        var settle = settling.RunAsync(settleEnding.Token);
        Task[] loops = [LoopRoundsAsync(ending.Token), LoopBeatsAsync(only, ending.Token), settle];
        var first = await Task.WhenAny(loops);
        await ending.CancelAsync();
        var end = cancellationToken.IsCancellationRequested ? NodeEnd.Stopped : EndOf(first);
        await stopSending.CancelAsync();
        // Before the farewell: a heartbeat under way would put the node on the list again.
        await EndedAsync(loops[0]);
        await EndedAsync(loops[1]);
        if (end == NodeEnd.Stopped && !Crash.IsCancellationRequested)
        {
            await FinishAsync(settle);
        }

        await abandon.CancelAsync();
        await settleEnding.CancelAsync();
        await EndedAsync(settle);
        await lanes.WhenIdleAsync();
        health.Held = [];
        if (end == NodeEnd.Stale && !IsReduced)
        {
            await LeaveAsync(); // the next life need not wait for this one's expiry
        }

        return end;
    }

    /// <summary>What is under way is sent to its end, what is stored is settled, and the others are told.</summary>
    private async Task FinishAsync(Task settle)
    {
        try
        {
            await lanes.WhenIdleAsync().WaitAsync(sendingGrace, time);
        }
        catch (TimeoutException)
        {
            Log.Abandoned(logger, sendingGrace.TotalSeconds);
            await abandon.CancelAsync();
        }

        settling.Complete();
        try
        {
            await EndedAsync(settle).WaitAsync(settlingGrace, time);
        }
        catch (TimeoutException)
        {
            Log.NotSettled(logger, settlingGrace.TotalSeconds);
        }

        if (!IsReduced)
        {
            await LeaveAsync();
        }
    }

    private async Task LeaveAsync()
    {
        try
        {
            using var patience = new CancellationTokenSource(settlingGrace, time);
            await table.LeaveAsync(id, patience.Token);
        }
        catch (Exception failure) when (failure is TimeoutException or NpgsqlException or OperationCanceledException)
        {
            Log.NotLeft(logger, failure.Message);
        }
    }

    private async Task LoopRoundsAsync(CancellationToken cancellationToken)
    {
        var pause = new RetryPause(options.RetryDelay, options.NodeExpiry, random);
        while (true)
        {
            await signal.WaitAsync(cancellationToken);
            var began = time.GetTimestamp();
            try
            {
                if (lanes.MayTake(RowsInWork))
                {
                    var (cost, taken) = await (IsReduced ? LookReducedAsync(cancellationToken) : RoundAsync(cancellationToken));
                    signal.Looked(cost, taken);
                    metrics.RoundTime.Record(time.GetElapsedTime(began).TotalSeconds);
                }
                else
                {
                    signal.WantSoon();
                }

                pause.Reset();
                lanes.Sweep();
            }
            catch (PostgresException conflict) when (conflict.SqlState is PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected)
            {
                isUnsure = true; // a row of the look was deleted or updated meanwhile
                signal.Demand();
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException && !OutboxTable.IsStale(failure))
            {
                health.OutboxErrors++;
                isUnsure = true;
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
        var look = await round.LookAsync(new LookRequest(id, remembered, leftOut, isUnsure, RowsPerLook), cancellationToken);
        var placeOf = isOrdered ? await OrderAsync(look, cancellationToken) : null;
        settling.Know(look.Tombstones);
        look = look with { Known = [.. look.Own.Concat(look.Known).Where(row => !lanes.IsInWork(row.Id))] };

        IReadOnlyList<string> live = [.. look.LiveNodes.Append(id).Distinct(StringComparer.Ordinal)];
        var owned = new Dictionary<string, bool>(StringComparer.Ordinal);
        bool IsOwned(string channel) => owned.TryGetValue(channel, out var known) ? known : owned[channel] = Rendezvous.IsOwner(channel, id, live);
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
        var taken = await round.CommitAsync(decisions, progress, mustFix, id, options.LockDuration, cancellationToken);

        metrics.Renumbered.Add(late.Count);
        remembered = progress ?? remembered;
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

    private async Task LoopBeatsAsync(NpgsqlConnection? only, CancellationToken cancellationToken)
    {
        TimeSpan[] periods = [options.Heartbeat, options.LockDuration / 3, options.NodeExpiry / 3];
        using var timer = new PeriodicTimer(periods.Min(), time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            try
            {
                await BeatAsync(only, cancellationToken);
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException && !OutboxTable.IsStale(failure) && !IsReduced)
            {
                health.NodesErrors++;
                Log.BeatFailed(logger, failure.Message);
            }

            if (lease.IsLost)
            {
                throw new LeaseLostException();
            }
        }
    }

    private async Task BeatAsync(NpgsqlConnection? only, CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        if (only is not null)
        {
            // The lock lives as long as its connection.
            await using var probe = new NpgsqlCommand("SELECT 1", only);
            await probe.ExecuteNonQueryAsync(cancellationToken);
            health.Mode = "reduced: SELECT and DELETE alone";
        }
        else
        {
            var live = (await table.BeatAsync(id, options.NodeExpiry, lanes.InWork, options.LockDuration, cancellationToken)).ToHashSet(StringComparer.Ordinal);
            if (!live.Contains(id))
            {
                throw new LeaseLostException();
            }

            health.Mode = $"full: {live.Count} {(live.Count == 1 ? "node" : "nodes")}";
            if (!live.SetEquals(nodes))
            {
                nodes = live;
                signal.Demand(); // channels have moved
            }
        }

        lease.Confirm(asked);
    }

    /// <summary>Waits until no other process has the outbox in reduced mode.</summary>
    private async Task<NpgsqlConnection> BeOnlyNodeAsync(CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            while (!await OutboxTable.TryBeOnlyNodeAsync(connection, table.Names, cancellationToken))
            {
                health.Mode = "reduced: standing by, as another process has the outbox";
                await Task.Delay(options.Heartbeat, time, cancellationToken);
            }

            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private NodeEnd EndOf(Task loop) => loop.Exception?.GetBaseException() switch
    {
        LeaseLostException => NodeEnd.Expelled,
        { } failure when OutboxTable.IsStale(failure) || (IsReduced && failure is NpgsqlException) => Stale(failure),
        { } failure => throw new InvalidOperationException("a loop of the outbox has ended", failure),
        null => throw new InvalidOperationException("a loop of the outbox has ended without a reason"),
    };

    private NodeEnd Stale(Exception failure)
    {
        health.Fault = failure.Message;
        Log.Stale(logger, failure.Message);
        return NodeEnd.Stale;
    }

    private static async Task EndedAsync(Task loop)
    {
        try
        {
            await loop;
        }
        catch (Exception)
        {
            // The first that ended has told why; the others end with it.
        }
    }

    private sealed class LeaseLostException : Exception;

    private static partial class Log
    {
        [LoggerMessage(3001, LogLevel.Warning, "the outbox cannot be looked at, and will be tried again: {Reason}")]
        public static partial void RoundFailed(ILogger logger, string reason);

        [LoggerMessage(3002, LogLevel.Warning, "this node cannot say that it lives, and will be tried again: {Reason}")]
        public static partial void BeatFailed(ILogger logger, string reason);

        [LoggerMessage(3003, LogLevel.Warning, "the outbox is another one now: {Reason}")]
        public static partial void Stale(ILogger logger, string reason);

        [LoggerMessage(3004, LogLevel.Warning, "targets did not answer within {Seconds} s of the stop; another node, or the next start, sends their messages again under the same ids")]
        public static partial void Abandoned(ILogger logger, double seconds);

        [LoggerMessage(3006, LogLevel.Warning, "published rows were not removed within {Seconds} s of the stop; their next owner sends them again under the same ids")]
        public static partial void NotSettled(ILogger logger, double seconds);

        [LoggerMessage(3005, LogLevel.Warning, "the node could not be taken off the list and expires by itself: {Reason}")]
        public static partial void NotLeft(ILogger logger, string reason);
    }
}
