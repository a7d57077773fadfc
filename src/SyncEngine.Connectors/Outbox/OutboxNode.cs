using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Connectors.Nodes;
using SyncEngine.Postgres.Errors;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>The reason why a node's life ended.</summary>
enum NodeEnd
{
    Stopped,

    /// <summary>The tables have changed; the next node reads their shape again.</summary>
    Stale,

    /// <summary>The node could not confirm its registration within its expiry, so its rows are others' now.</summary>
    Expelled,
}

/// <summary>
/// One life of a node, from its entry in the nodes table to its end: the loop of rounds, the heartbeat, the settling, and the lanes between
/// them.
/// </summary>
/// <remarks>
/// Each life has its own id, so that rows which an earlier life left locked belong to a dead node. Backpressure: rounds take no more than
/// lanes have room for.
/// Stored: locks in the outbox. After a crash: the rows are taken by others when this node's expiry has passed.
/// </remarks>
sealed partial class OutboxNode
{
    private static readonly TimeSpan sendingTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan settlingTimeout = TimeSpan.FromSeconds(3);

    private readonly OutboxContext context;
    private readonly OutboxTable table;
    private readonly NodeId node;
    private readonly NodeLease lease;
    private readonly NodeMembership membership;
    private readonly SettleQueue settling;
    private readonly OutboxWork work;
    private readonly RoundLoop rounds;

    private IReadOnlyCollection<string> peers = [];

    public OutboxNode(OutboxContext context, OutboxTable table, RoundMemory memory)
    {
        this.context = context;
        this.table = table;
        node = new NodeId(table.Names.Outbox);
        lease = new NodeLease(context.Options.NodeExpiry, context.Time);
        membership = new NodeMembership(table.Nodes, node, lease, context.Options.NodeExpiry, context.Time);
        settling = new SettleQueue(context, table, node.Id);
        work = new OutboxWork(context, lease, settling, table.Shape.KeepsDeadLetters);
        rounds = new RoundLoop(context, table, memory, node, work, settling);
        context.Health.ReadBlockedFrom(() => work.Lanes.Blocked);
    }

    /// <summary>
    /// Cancelled together with the run, it ends the life as a killed process would: nothing is finished, and the node stays registered. For
    /// simulations.
    /// </summary>
    internal CancellationToken Crash { get; init; }

    private bool IsReduced => table.Shape.Mode == OutboxMode.Reduced;

    /// <summary>Runs until cancelled, or until this life cannot go on.</summary>
    /// <exception cref="NpgsqlException">It could not even begin.</exception>
    public async Task<NodeEnd> RunAsync(CancellationToken cancellationToken)
    {
        await using var exclusive = IsReduced ? await LockExclusivelyAsync(cancellationToken) : null;
        try
        {
            await BeginAsync(exclusive, cancellationToken);
            return await LiveAsync(exclusive, cancellationToken);
        }
        finally
        {
            if (exclusive is not null)
            {
                await OutboxTable.ReleaseLocksAsync(exclusive);
            }
        }
    }

    private async Task BeginAsync(NpgsqlConnection? exclusive, CancellationToken cancellationToken)
    {
        if (exclusive is null)
        {
            await membership.JoinAsync(cancellationToken);
        }

        await BeatAsync(exclusive, cancellationToken);
        if (context.Connections.CommitOrder is { } order)
        {
            await order.FollowAsync(table.Shape.Oid, cancellationToken);
        }
    }

    private async Task<NodeEnd> LiveAsync(NpgsqlConnection? exclusive, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var settleEnding = new CancellationTokenSource();
        var settle = settling.RunAsync(settleEnding.Token);
        Task[] loops = [rounds.RunAsync(ending.Token), LoopBeatsAsync(exclusive, ending.Token), settle, work.Lanes.Failed];
        var first = await Task.WhenAny(loops);
        var isStopped = cancellationToken.IsCancellationRequested;
        await ending.CancelAsync();
        await work.Lanes.StopAsync();
        // Before the node leaves: a heartbeat under way would register it again.
        await EndedAsync(loops[0]);
        await EndedAsync(loops[1]);
        if (isStopped && !Crash.IsCancellationRequested)
        {
            await FinishAsync(settle);
        }

        await work.Lanes.AbandonAsync();
        await settleEnding.CancelAsync();
        await EndedAsync(settle);
        await work.Lanes.WhenIdleAsync();
        context.Health.Blocked = [];
        if (!isStopped && !IsReduced)
        {
            await LeaveAsync(); // the next life need not wait for this one's expiry
        }

        return isStopped ? NodeEnd.Stopped : EndOf(first);
    }

    /// <summary>Sends the calls under way to their end, settles what is stored, and leaves.</summary>
    private async Task FinishAsync(Task settle)
    {
        try
        {
            await work.Lanes.WhenIdleAsync().WaitAsync(sendingTimeout, context.Time);
        }
        catch (TimeoutException)
        {
            Log.Abandoned(context.Logger, sendingTimeout.TotalSeconds);
            await work.Lanes.AbandonAsync();
        }

        settling.Complete();
        try
        {
            await EndedAsync(settle).WaitAsync(settlingTimeout, context.Time);
        }
        catch (TimeoutException)
        {
            Log.NotSettled(context.Logger, settlingTimeout.TotalSeconds);
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
            using var timeout = new CancellationTokenSource(settlingTimeout, context.Time);
            await membership.LeaveAsync(OutboxNames.NotifyChannel, timeout.Token);
        }
        catch (Exception failure) when (DatabaseFailure.IsOfDatabase(failure) || failure is OperationCanceledException)
        {
            Log.NotLeft(context.Logger, failure.Message);
        }
    }

    private async Task LoopBeatsAsync(NpgsqlConnection? exclusive, CancellationToken cancellationToken)
    {
        var options = context.Options;
        TimeSpan[] periods = [options.Heartbeat, options.LockDuration / 3, options.NodeExpiry / 3];
        using var timer = new PeriodicTimer(periods.Min(), context.Time);
        var renewedAt = context.Time.GetTimestamp();
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            try
            {
                await BeatAsync(exclusive, cancellationToken);
            }
            catch (Exception failure) when (OutboxTable.IsTransient(failure) && !IsReduced)
            {
                context.Health.CountNodesError();
                Log.BeatFailed(context.Logger, failure.Message);
            }

            if (IsReduced || await TryRenewAsync(cancellationToken))
            {
                renewedAt = context.Time.GetTimestamp();
            }

            // Without its locks, others may take what is in work here.
            if (lease.IsLost || context.Time.GetElapsedTime(renewedAt) >= options.LockDuration)
            {
                throw new LeaseLostException();
            }
        }
    }

    /// <summary>Renews the locks of rows in work, and removes tombstones of the past. A failure here does not end the heartbeat.</summary>
    /// <returns>False when locks could not be renewed.</returns>
    private async Task<bool> TryRenewAsync(CancellationToken cancellationToken)
    {
        var isRenewed = true;
        try
        {
            var locked = work.LockedIds;
            if (locked.Count > 0)
            {
                isRenewed = false;
                await table.RenewLocksAsync(node.Id, locked, context.Options.LockDuration, cancellationToken);
                isRenewed = true;
            }

            await table.RemoveTombstonesAsync(cancellationToken);
        }
        catch (Exception failure) when (OutboxTable.IsTransient(failure))
        {
            context.Health.CountOutboxError();
            Log.NotRenewed(context.Logger, failure.Message);
        }

        return isRenewed;
    }

    private async Task BeatAsync(NpgsqlConnection? exclusive, CancellationToken cancellationToken)
    {
        if (exclusive is not null)
        {
            // The lock lives as long as its connection.
            var asked = context.Time.GetTimestamp();
            await using var ping = new NpgsqlCommand("SELECT 1", exclusive);
            await ping.ExecuteNonQueryAsync(cancellationToken);
            context.Health.Mode = "reduced: SELECT and DELETE alone";
            lease.Confirm(asked);
            return;
        }

        var now = await membership.BeatAsync(cancellationToken);
        context.Health.Mode = $"full: {now.Count} {(now.Count == 1 ? "node" : "nodes")}";
        if (now.Count != peers.Count || now.Except(peers, StringComparer.Ordinal).Any())
        {
            peers = now;
            context.Signal.Demand(); // channels have moved
        }
    }

    /// <summary>Waits until no other process publishes the outbox in reduced mode.</summary>
    private async Task<NpgsqlConnection> LockExclusivelyAsync(CancellationToken cancellationToken)
    {
        var connection = await context.Connections.Database.OpenConnectionAsync(cancellationToken);
        try
        {
            while (!await OutboxTable.TryLockExclusivelyAsync(connection, table.Names, cancellationToken))
            {
                context.Health.Mode = "reduced: standing by, because another process publishes the outbox";
                await Task.Delay(context.Options.Heartbeat, context.Time, cancellationToken);
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
        context.Health.Fault = failure.Message;
        Log.Stale(context.Logger, failure.Message);
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
            // The first loop that ended has the reason; the others end with it.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3007, LogLevel.Warning,
            "locks of rows in work were not renewed, or old tombstones not removed; it is tried again: {Reason}")]
        public static partial void NotRenewed(ILogger logger, string reason);

        [LoggerMessage(3002, LogLevel.Warning, "this node could not confirm its registration, and tries again: {Reason}")]
        public static partial void BeatFailed(ILogger logger, string reason);

        [LoggerMessage(3003, LogLevel.Warning, "the outbox's tables have changed: {Reason}")]
        public static partial void Stale(ILogger logger, string reason);

        [LoggerMessage(3004, LogLevel.Warning,
            "targets did not answer within {Seconds} s of the stop; their next owner sends the messages again under the same ids")]
        public static partial void Abandoned(ILogger logger, double seconds);

        [LoggerMessage(3006, LogLevel.Warning,
            "published rows were not removed within {Seconds} s of the stop; their next owner sends them again under the same ids")]
        public static partial void NotSettled(ILogger logger, double seconds);

        [LoggerMessage(3005, LogLevel.Warning, "the node could not be removed from the nodes table and expires by itself: {Reason}")]
        public static partial void NotLeft(ILogger logger, string reason);
    }
}
