using Npgsql;
using Npgsql.Replication;

namespace SyncEngine.Postgres.Replication;

/// <summary>One connection's stream, from the slot to the end of the connection; then the next connection's.</summary>
/// <remarks>
/// Three loops run on each connection: one reads messages, one reports positions, one watches publication and slot.
/// The stream ends when the first has ended or the last has found a fault.
/// </remarks>
internal sealed class ReplicationStream
{
    private readonly StreamContext context;
    private readonly EventQueue events;
    private readonly StatusRecord status;
    private readonly TransactionAssembler assembler;
    private readonly TransactionIds transactionIds;
    private readonly ReadingProgress progress = new();
    private readonly SlotKeeper slots;
    private readonly MessageReader reader;
    private readonly PositionReporter positions;
    private readonly StreamMonitor monitor;

    public ReplicationStream(
        StreamContext context, EventQueue events, StatusRecord status, TransactionAssembler assembler, TransactionIds transactionIds)
    {
        this.context = context;
        this.events = events;
        this.status = status;
        this.assembler = assembler;
        this.transactionIds = transactionIds;
        slots = new SlotKeeper(context);
        reader = new MessageReader(context.Options.Publication, assembler, events, progress);
        positions = new PositionReporter(events, progress, context.Time);
        monitor = new StreamMonitor(context, events, status, transactionIds);
    }

    private string Publication => context.Options.Publication;

    /// <summary>Connects and streams until the connection ends.</summary>
    /// <exception cref="StreamFailure">The stream cannot begin, has ended, or cannot be trusted any more; other exceptions are the
    /// driver's.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        status.Begin(ReplicationState.Connecting);
        await using var plain = await context.Connections.OpenPlainAsync(cancellationToken);

        // The publication is read before the slot is made and again after, so that the slot's whole stream sees this one.
        var publication = await ReplicationCatalog.PublicationOidAsync(plain, Publication, cancellationToken)
            ?? throw new StreamFailure($"publication \"{Publication}\" does not exist");
        await using var replication = context.Connections.ForReplication();
        await replication.Open(cancellationToken);
        var slot = await slots.PrepareAsync(plain, replication, events.Acknowledged, status.WaitForTransactions, cancellationToken);
        var health = await ReplicationCatalog.HealthAsync(plain, Publication, slot.Name, cancellationToken);
        if (health.PublicationOid != publication)
        {
            var reason = StreamFailure.PublicationChanged(Publication);
            slots.Discard(reason);
            throw new StreamFailure(reason);
        }

        Begin(replication, slot, health.NextXid);
        await RunLoopsAsync(plain, publication, replication, slot, cancellationToken);
        throw new StreamFailure("the server ended the stream");
    }

    private void Begin(LogicalReplicationConnection replication, ReadySlot slot, ulong nextXid)
    {
        progress.Reset();
        if (slot.IsContinuation)
        {
            transactionIds.Observe(nextXid);
        }
        else
        {
            transactionIds.Reset(nextXid);
        }

        var (delivered, deliveredMessage) = events.Begin(replication, slot, slots.SystemIdentifier);
        assembler.Reset(delivered, deliveredMessage);
        status.Change(current => current with { SlotName = slot.Name, Detail = null });
    }

    private async Task RunLoopsAsync(
        NpgsqlConnection plain, uint publication, LogicalReplicationConnection replication, ReadySlot slot,
        CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var watching = WatchAsync(plain, publication, slot.Name, stop);
        var positioning = positions.RunAsync(replication, stop.Token);
        try
        {
            await reader.RunAsync(replication, slot, stop.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The monitor has found a fault, and throws it.
            await watching;
            throw;
        }
        catch (PostgresException exception) when (IsFinalForSlot(exception))
        {
            slots.Discard(exception.MessageText);
            throw;
        }
        finally
        {
            events.Detach();
            await stop.CancelAsync();
            await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await positioning.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task WatchAsync(NpgsqlConnection plain, uint publication, string slotName, CancellationTokenSource stop)
    {
        try
        {
            await monitor.RunAsync(plain, publication, slotName, stop.Token);
        }
        catch (StreamFailure fault)
        {
            slots.Discard(fault.Message);
            await stop.CancelAsync();
            throw;
        }
    }

    // 42704: the publication did not exist at this position, for good. 55000: the slot is invalidated. 58P01: its WAL is gone.
    private static bool IsFinalForSlot(PostgresException exception) =>
        exception.SqlState is PostgresErrorCodes.UndefinedObject or PostgresErrorCodes.ObjectNotInPrerequisiteState
            or PostgresErrorCodes.UndefinedFile;
}
