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
/// Each life has an id of its own, so that what an earlier one left locked is a dead node's. Backpressure: rounds take no more than lanes have room for.
/// Stored: locks in the outbox. After a crash: the rows are taken by others when this node's expiry has passed.
/// </remarks>
sealed partial class OutboxNode
{
    private static readonly TimeSpan sendingGrace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan settlingGrace = TimeSpan.FromSeconds(3);

    private readonly NodeId node;
    private readonly OutboxTable table;
    private readonly NpgsqlDataSource database;
    private readonly OutboxOptions options;
    private readonly ICommitOrder? commitOrder;
    private readonly WorkSignal signal;
    private readonly OutboxHealth health;
    private readonly TimeProvider time;
    private readonly Random random;
    private readonly ILogger logger;
    private readonly NodeLease lease;
    private readonly SettleQueue settling;
    private readonly LaneSet lanes;
    private readonly RoundLoop rounds;
    private readonly CancellationTokenSource stopSending = new();
    private readonly CancellationTokenSource abandon = new();

    private IReadOnlyCollection<string> peers = [];

    public OutboxNode(
        OutboxTable table, RoundMemory memory, NpgsqlDataSource database, OutboxOptions options, IReadOnlyList<TargetRoute> routes, ICommitOrder? commitOrder, WorkSignal signal,
        OutboxHealth health, OutboxMetrics metrics, TimeProvider time, Random random, ILogger logger)
    {
        this.table = table;
        this.database = database;
        this.options = options;
        this.commitOrder = commitOrder;
        this.signal = signal;
        this.health = health;
        this.time = time;
        this.random = random;
        this.logger = logger;
        node = new NodeId(table.Names);
        lease = new NodeLease(options.NodeExpiry, time);
        settling = new SettleQueue(table, node.Id, options, health, time, random, logger);
        lanes = new LaneSet(options, routes, lease, signal, settling, table.Shape.KeepsDeadLetters, health, metrics, time, random, logger, stopSending.Token, abandon.Token);
        rounds = new RoundLoop(node, table, memory, options, lanes, settling, commitOrder, signal, health, metrics, time, random, logger);
        settling.Settled += lanes.OnSettled;
        lanes.TellHealth();
    }

    /// <summary>Cancelled together with the run, it ends the life as a killed process would: nothing is finished, nothing told. For simulations.</summary>
    internal CancellationToken Crash { get; init; }

    private bool IsReduced => table.Shape.Mode == OutboxMode.Reduced;

    /// <summary>Runs until told to stop, or until this life cannot go on.</summary>
    /// <exception cref="NpgsqlException">It could not even begin.</exception>
    public async Task<NodeEnd> RunAsync(CancellationToken cancellationToken)
    {
        await using var only = IsReduced ? await BeOnlyNodeAsync(cancellationToken) : null;
        try
        {
            await BeginAsync(only, cancellationToken);
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

    private async Task BeginAsync(NpgsqlConnection? only, CancellationToken cancellationToken)
    {
        if (only is null)
        {
            await table.JoinAsync(node.Id, options.NodeExpiry, cancellationToken);
        }

        await BeatAsync(only, cancellationToken);
        if (commitOrder is not null)
        {
            await commitOrder.FollowAsync(table.Shape.Oid, cancellationToken);
        }
    }

    private async Task<NodeEnd> LiveAsync(NpgsqlConnection? only, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var settleEnding = new CancellationTokenSource();
        var settle = settling.RunAsync(settleEnding.Token);
        Task[] loops = [rounds.RunAsync(ending.Token), LoopBeatsAsync(only, ending.Token), settle, lanes.Failed];
        var first = await Task.WhenAny(loops);
        var isStopped = cancellationToken.IsCancellationRequested;
        await ending.CancelAsync();
        await stopSending.CancelAsync();
        // Before the farewell: a heartbeat under way would put the node on the list again.
        await EndedAsync(loops[0]);
        await EndedAsync(loops[1]);
        if (isStopped && !Crash.IsCancellationRequested)
        {
            await FinishAsync(settle);
        }

        await abandon.CancelAsync();
        await settleEnding.CancelAsync();
        await EndedAsync(settle);
        await lanes.WhenIdleAsync();
        health.Held = [];
        if (!isStopped && !IsReduced)
        {
            await LeaveAsync(); // the next life need not wait for this one's expiry
        }

        return isStopped ? NodeEnd.Stopped : EndOf(first);
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
            await table.LeaveAsync(node.Id, patience.Token);
        }
        catch (Exception failure) when (failure is TimeoutException or NpgsqlException or OperationCanceledException)
        {
            Log.NotLeft(logger, failure.Message);
        }
    }

    private async Task LoopBeatsAsync(NpgsqlConnection? only, CancellationToken cancellationToken)
    {
        TimeSpan[] periods = [options.Heartbeat, options.LockDuration / 3, options.NodeExpiry / 3];
        using var timer = new PeriodicTimer(periods.Min(), time);
        var renewedAt = time.GetTimestamp();
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            try
            {
                await BeatAsync(only, cancellationToken);
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException && !OutboxTable.IsStale(failure) && !IsReduced)
            {
                health.CountNodesError();
                Log.BeatFailed(logger, failure.Message);
            }

            if (IsReduced)
            {
                renewedAt = time.GetTimestamp();
            }
            else
            {
                renewedAt = await TryKeepAsync(cancellationToken) ? time.GetTimestamp() : renewedAt;
            }

            if (time.GetElapsedTime(renewedAt) >= options.LockDuration)
            {
                throw new LeaseLostException(); // others may take what is in work here
            }

            if (lease.IsLost)
            {
                throw new LeaseLostException();
            }
        }
    }

    /// <summary>Renews the locks of rows in work, and removes tombstones of the past. A failure here is not the heart's.</summary>
    private async Task<bool> TryKeepAsync(CancellationToken cancellationToken)
    {
        var isKept = true;
        try
        {
            var inWork = lanes.InWork;
            if (inWork.Count > 0)
            {
                isKept = false;
                await table.RenewLocksAsync(node.Id, inWork, options.LockDuration, cancellationToken);
                isKept = true;
            }

            await table.RemoveTombstonesAsync(cancellationToken);
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException && !OutboxTable.IsStale(failure))
        {
            health.CountOutboxError();
            Log.NotKept(logger, failure.Message);
        }

        return isKept;
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
            var live = await table.BeatAsync(node.Id, options.NodeExpiry, cancellationToken);
            if (!live.Contains(node.Id, StringComparer.Ordinal))
            {
                throw new LeaseLostException();
            }

            var now = node.PeersAmong(live);
            health.Mode = $"full: {now.Count} {(now.Count == 1 ? "node" : "nodes")}";
            if (now.Count != peers.Count || now.Except(peers, StringComparer.Ordinal).Any())
            {
                peers = now;
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

    private sealed class LeaseLostException() : Exception("the node's time had run out before it could say that it lives");

    private static partial class Log
    {
        [LoggerMessage(3007, LogLevel.Warning, "locks of rows in work, or old tombstones, could not be looked after, and will be tried again: {Reason}")]
        public static partial void NotKept(ILogger logger, string reason);

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
