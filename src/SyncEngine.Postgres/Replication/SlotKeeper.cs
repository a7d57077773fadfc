using Microsoft.Extensions.Logging;
using Npgsql;
using Npgsql.Replication;
using Npgsql.Replication.Internal;
using NpgsqlTypes;
using SyncEngine.Changes;

namespace SyncEngine.Postgres.Replication;

/// <summary>pgoutput's raw messages: Npgsql's own slot type would come with its message objects.</summary>
internal sealed class RawSlot(string name, Lsn consistentPoint)
    : LogicalReplicationSlot("pgoutput", new ReplicationSlotOptions(name, new NpgsqlLogSequenceNumber(consistentPoint.Value)));

/// <summary>A slot ready to stream.</summary>
/// <param name="From">Every commit that ends after it will come.</param>
/// <param name="IsContinuation">Nothing since the last stream, or since the resume point, can have been missed.</param>
internal sealed record ReadySlot(string Name, Lsn From, bool IsContinuation);

/// <summary>
/// Finds or creates the slot of each connection, and decides whether it continues the stream before.
/// </summary>
/// <remarks>
/// Lifecycle: one per source; remembers the server and the slot between connections. Used by the source's loop alone.
/// Stored: nothing here; the server keeps a persistent slot.
/// After a crash: a persistent slot is found again, and continues when the options have the consumer's position.
/// </remarks>
internal sealed class SlotKeeper(StreamContext context)
{
    private static readonly TimeSpan blockerInterval = TimeSpan.FromSeconds(1);

    private readonly ReplicationSourceOptions options = context.Options;
    private readonly ILogger logger = context.Logger;
    private (string SystemIdentifier, uint Timeline)? server = context.Options.Resume is { } resume
        ? (resume.SystemIdentifier, resume.Timeline)
        : null;
    private (int Pid, DateTime Start)? ownWalSender;
    private string? unusableReason;

    public string SystemIdentifier => server?.SystemIdentifier ?? "";

    /// <summary>The slot in use can no longer be used: the next <see cref="PrepareAsync"/> makes another.</summary>
    public void Discard(string reason) => unusableReason = reason;

    /// <param name="safeUpTo">The position up to which the server was allowed to forget; a slot beyond it has skipped something.</param>
    /// <param name="waiting">Gets the transactions that delay the slot's creation.</param>
    public async Task<ReadySlot> PrepareAsync(
        NpgsqlConnection plain, LogicalReplicationConnection replication, Lsn safeUpTo, Action<string> waiting,
        CancellationToken cancellationToken)
    {
        var system = await replication.IdentifySystem(cancellationToken);
        var isSameServer = server == (system.SystemId, system.Timeline);
        var slot = options.IsPersistent
            ? await PreparePersistentAsync(plain, replication, isSameServer, safeUpTo, waiting, cancellationToken)
            : await CreateAsync(
                plain, replication, $"{options.SlotName}_{Guid.NewGuid():N}", isTemporary: true, waiting, cancellationToken);
        server = (system.SystemId, system.Timeline);
        unusableReason = null;
        var pid = replication.ProcessID;
        ownWalSender = await ReplicationCatalog.BackendStartAsync(plain, pid, cancellationToken) is { } start ? (pid, start) : null;
        return slot;
    }

    private async Task<ReadySlot> PreparePersistentAsync(
        NpgsqlConnection plain, LogicalReplicationConnection replication, bool isSameServer, Lsn safeUpTo, Action<string> waiting,
        CancellationToken cancellationToken)
    {
        var name = options.SlotName;
        var found = (await ReplicationCatalog.HealthAsync(plain, options.Publication, name, cancellationToken)).Slot;
        if (found is null)
        {
            if (server is not null)
            {
                logger.SlotLost(name, isSameServer ? "it is gone" : "this is another server");
            }

            return await CreateAsync(plain, replication, name, isTemporary: false, waiting, cancellationToken);
        }

        if (!found.IsOurs || found.IsTemporary)
        {
            throw new StreamFailure(
                $"slot \"{name}\" exists but is not a persistent pgoutput slot of this database; choose another slot name or drop it");
        }

        if (found.ActivePid is { } holder)
        {
            await ThrowBusyAsync(plain, name, holder, cancellationToken);
        }

        if (found.IsLost || unusableReason is not null)
        {
            logger.SlotLost(name, unusableReason ?? "the server has removed WAL that it needed");
            await replication.DropReplicationSlot(name, wait: false, cancellationToken);
            return await CreateAsync(plain, replication, name, isTemporary: false, waiting, cancellationToken);
        }

        if (server is null)
        {
            return new ReadySlot(name, found.ConfirmedFlush, IsContinuation: false);
        }

        if (isSameServer && found.ConfirmedFlush <= safeUpTo)
        {
            return new ReadySlot(name, found.ConfirmedFlush, IsContinuation: true);
        }

        logger.SlotLost(
            name,
            isSameServer
                ? $"it stands at {found.ConfirmedFlush}, beyond {safeUpTo} that was acknowledged"
                : "this is another server or timeline");
        return new ReadySlot(name, found.ConfirmedFlush, IsContinuation: false);
    }

    private async Task ThrowBusyAsync(NpgsqlConnection plain, string name, int holder, CancellationToken cancellationToken)
    {
        // A connection of ours that broke without the server noticing. Another process' walsender is never ended.
        if (ownWalSender is { } own
            && own.Pid == holder
            && await ReplicationCatalog.TerminateAsync(plain, own.Pid, own.Start, cancellationToken))
        {
            logger.EndedOwnWalSender(holder, name);
            throw new StreamFailure($"slot \"{name}\" was still held by our own earlier connection, pid {holder}");
        }

        var description = await ReplicationCatalog.DescribeBackendAsync(plain, holder, cancellationToken);
        logger.SlotBusy(name, description);
        throw new StreamFailure($"slot \"{name}\" is active for {description}");
    }

    private async Task<ReadySlot> CreateAsync(
        NpgsqlConnection plain, LogicalReplicationConnection replication, string name, bool isTemporary, Action<string> waiting,
        CancellationToken cancellationToken)
    {
        using var abandon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var creation = replication.CreateLogicalReplicationSlot(
            name, "pgoutput", isTemporary, LogicalSlotSnapshotInitMode.NoExport, twoPhase: false, abandon.Token);
        try
        {
            await ReportBlockersAsync(creation, plain, replication.ProcessID, waiting, cancellationToken);
        }
        catch
        {
            // The connection is closed next, and must not be in the middle of a command then.
            await abandon.CancelAsync();
            await ((Task)creation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        return new ReadySlot(name, new Lsn((ulong)(await creation).ConsistentPoint), IsContinuation: false);
    }

    private async Task ReportBlockersAsync(
        Task creation, NpgsqlConnection plain, int waitingPid, Action<string> waiting, CancellationToken cancellationToken)
    {
        var reported = "";
        while (await Task.WhenAny(creation, Task.Delay(blockerInterval, context.Time, cancellationToken)) != creation)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var blockers = string.Join(", ", await ReplicationCatalog.BlockersAsync(plain, waitingPid, cancellationToken));
            if (blockers.Length > 0 && !string.Equals(blockers, reported, StringComparison.Ordinal))
            {
                logger.WaitingFor(blockers);
                reported = blockers;
            }

            waiting(blockers);
        }
    }
}
