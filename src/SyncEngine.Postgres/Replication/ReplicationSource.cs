using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Npgsql;
using Npgsql.Replication;
using Npgsql.Replication.Internal;
using NpgsqlTypes;
using SyncEngine.Changes;
using SyncEngine.Ports;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Replication;

/// <summary>
/// The stream of committed changes out of a replication slot, with Npgsql as transport and our own decoding.
/// </summary>
/// <remarks>
/// Lifecycle: <see cref="RunAsync"/> once; it reconnects with backoff until cancelled, then completes <see cref="Events"/>.
/// Backpressure: when the queue is full, reading pauses; Npgsql's timer sends feedback all the same. Past the memory budget transactions wait in files.
/// Stored: the slot, on the server; nothing here.
/// After a crash: see <see cref="SlotKeeper"/>; leftover spill files are removed.
/// </remarks>
public sealed class ReplicationSource : IChangeSource
{
    private static readonly TimeSpan PositionInterval = TimeSpan.FromMilliseconds(20);

    private const int LargestBatch = 64;

    private readonly ReplicationSourceOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly Channel<SourceEvent> events;
    private readonly ReplicationConnections connections;
    private readonly SlotKeeper slots;
    private readonly Nudger nudger;
    private readonly SpillDirectory spillDirectory;
    private readonly MessageMemory memory;
    private readonly TransactionIds transactionIds = new();
    private WatchedRelations watched = WatchedRelations.None;

    // Messages handled, doubled, plus one while a transaction is open or not delivered. Written by the reading loop, read by the position loop.
    private long progress;

    // Held while an event is written together with what is remembered of it: the reading loop, the position loop and the consumer meet here.
    private readonly Lock gate = new();
    private SourceEvent.Started? startToTell;
    private bool hasStreamed;
    private Lsn delivered;
    private Lsn deliveredMessage;
    private Lsn acknowledged;
    private LogicalReplicationConnection? current;

    private readonly Lock statusGate = new();
    private ReplicationStatus status;

    public ReplicationSource(ReplicationSourceOptions options, TimeProvider time, ILogger<ReplicationSource> logger)
    {
        options.Validate();
        this.options = options;
        this.time = time;
        this.logger = logger;
        events = Channel.CreateBounded<SourceEvent>(new BoundedChannelOptions(options.QueueCapacity) { SingleReader = true });
        connections = new ReplicationConnections(options);
        slots = new SlotKeeper(options, time, logger);
        nudger = new Nudger(connections, options, time, logger);
        spillDirectory = new SpillDirectory(options.SpillDirectory);
        memory = new MessageMemory(options.MemoryBudgetBytes);
        status = new ReplicationStatus(ReplicationState.Connecting, time.GetUtcNow(), null, null, null, Lsn.Zero, 0, 0, null);
        delivered = acknowledged = options.Resume?.Position ?? Lsn.Zero;
    }

    public ChannelReader<SourceEvent> Events => events.Reader;

    public ReplicationStatus Status
    {
        get
        {
            Lsn position;
            lock (gate)
            {
                position = delivered;
            }

            lock (statusGate)
            {
                return status with { Position = position };
            }
        }
    }

    /// <summary>Bytes of buffers that transactions are in, queued or held by the consumer.</summary>
    public long HeldBytes => memory.HeldBytes;

    /// <summary>The given set takes the place of the one before.</summary>
    public long Watch(IReadOnlyCollection<uint> relationOids)
    {
        var next = new WatchedRelations(Volatile.Read(ref watched).Version + 1, relationOids);
        Volatile.Write(ref watched, next);
        return next.Version;
    }

    public void Acknowledge(Lsn position)
    {
        lock (gate)
        {
            // Never beyond this epoch: what a consumer says of an earlier server means nothing to this one.
            var confirmed = Lsn.Min(position, delivered);
            if (confirmed > acknowledged)
            {
                acknowledged = confirmed;
                current?.SetReplicationStatus(new NpgsqlLogSequenceNumber(confirmed.Value));
            }
        }
    }

    public void Nudge() => nudger.Request();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var nudging = nudger.RunAsync(stop.Token);
        try
        {
            if (spillDirectory.RemoveAbandoned() is var removed and > 0)
            {
                logger.RemovedSpillFiles(removed);
            }

            await StreamForeverAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Asked to end.
        }
        finally
        {
            await stop.CancelAsync();
            await Ended(nudging);
            events.Writer.TryComplete();
        }
    }

    private async Task StreamForeverAsync(CancellationToken cancellationToken)
    {
        using var assembler = new TransactionAssembler(memory, spillDirectory, transactionIds, () => Volatile.Read(ref watched));
        var backoff = new Backoff(options.MinimumBackoff, options.MaximumBackoff, new Random(options.Seed));
        var isInterrupted = false;
        while (true)
        {
            Exception failure;
            try
            {
                await StreamOnceAsync(assembler, cancellationToken);
                failure = new StreamFailure("the server ended the stream");
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                failure = exception;
            }

            lock (gate)
            {
                startToTell = null;
                if (hasStreamed)
                {
                    hasStreamed = false;
                    isInterrupted = false;
                    backoff.Reset();
                }
            }

            SetStatus(current => current with { State = ReplicationState.Interrupted, Since = time.GetUtcNow(), Detail = null, LastError = failure.Message });
            logger.Interrupted(failure.Message, failure is StreamFailure ? null : failure);
            if (!isInterrupted)
            {
                await events.Writer.WriteAsync(new SourceEvent.Interrupted(failure.Message), cancellationToken);
                isInterrupted = true;
            }

            await Task.Delay(backoff.Next(), time, cancellationToken);
        }
    }

    private async Task StreamOnceAsync(TransactionAssembler assembler, CancellationToken cancellationToken)
    {
        SetStatus(current => current with { State = ReplicationState.Connecting, Since = time.GetUtcNow() });
        await using var plain = await connections.OpenPlainAsync(cancellationToken);

        // The publication is looked up before the slot is made and again after, so that the slot's whole stream sees this one.
        var publication = await Catalog.PublicationOidAsync(plain, options.Publication, cancellationToken)
            ?? throw new StreamFailure($"publication \"{options.Publication}\" does not exist");
        await using var replication = connections.ForReplication();
        await replication.Open(cancellationToken);
        var slot = await slots.PrepareAsync(plain, replication, acknowledged, WaitingFor, cancellationToken);
        var health = await Catalog.HealthAsync(plain, options.Publication, slot.Name, cancellationToken);
        if (health.PublicationOid != publication)
        {
            slots.Discard(PublicationChanged);
            throw new StreamFailure(PublicationChanged);
        }

        BeginStream(assembler, replication, slot, health.NextXid);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var watching = MonitorAsync(plain, publication, slot.Name, stop);
        var positioning = TellPositionsAsync(replication, stop.Token);
        try
        {
            await ReadAsync(assembler, replication, slot, stop.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The monitor has found something; it says what.
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
            lock (gate)
            {
                current = null;
            }

            await stop.CancelAsync();
            await Ended(watching);
            await Ended(positioning);
        }
    }

    private string PublicationChanged => $"publication \"{options.Publication}\" was dropped or created anew";

    // 42704: the publication did not exist at this position, for good. 55000: the slot is invalidated. 58P01: its WAL is gone.
    private static bool IsFinalForSlot(PostgresException exception) =>
        exception.SqlState is PostgresErrorCodes.UndefinedObject or PostgresErrorCodes.ObjectNotInPrerequisiteState or PostgresErrorCodes.UndefinedFile;

    private void BeginStream(TransactionAssembler assembler, LogicalReplicationConnection replication, ReadySlot slot, ulong nextXid)
    {
        Volatile.Write(ref progress, 0);
        lock (gate)
        {
            if (slot.IsContinuation)
            {
                transactionIds.Observe(nextXid);
            }
            else
            {
                transactionIds.Reset(nextXid);
                delivered = acknowledged = slot.From;
                deliveredMessage = Lsn.Zero;
            }

            assembler.Reset(delivered, deliveredMessage);
            current = replication;
            replication.SetReplicationStatus(new NpgsqlLogSequenceNumber(acknowledged.Value));
            startToTell = new SourceEvent.Started(delivered, slots.SystemIdentifier, slot.IsContinuation);
        }

        SetStatus(current => current with { SlotName = slot.Name, Detail = null });
    }

    private async Task ReadAsync(TransactionAssembler assembler, LogicalReplicationConnection replication, ReadySlot slot, CancellationToken cancellationToken)
    {
        var hasStarted = false;
        var handled = 0L;
        var finished = new List<SourceEvent>(LargestBatch);
        var stream = replication.StartLogicalReplication(
            new RawSlot(slot.Name, slot.From), cancellationToken, new NpgsqlLogSequenceNumber(slot.From.Value), PluginOptions());
        await using var messages = stream.GetAsyncEnumerator(cancellationToken);
        try
        {
            while (true)
            {
                // What is finished is handed over before waiting for the network, and together while messages are there already:
                // waking the consumer for each small transaction would cost more than reading it.
                var next = messages.MoveNextAsync();
                if (finished.Count > 0 && (!next.IsCompleted || finished.Count >= LargestBatch))
                {
                    try
                    {
                        await DeliverAsync(finished, cancellationToken);
                    }
                    catch
                    {
                        // An enumerator must not be disposed in the middle of a move; the same cancellation ends this one.
                        await Ended(next.AsTask());
                        throw;
                    }

                    TellProgress();
                }

                if (!await next)
                {
                    return;
                }

                if (!hasStarted)
                {
                    await StartAsync(cancellationToken);
                    hasStarted = true;
                }

                // Npgsql reuses the message and its stream: the bytes are taken now. The cancellation of the whole enumeration ends these reads, too.
                var data = messages.Current.Data;
                var length = checked((int)data.Length);
                await data.ReadExactlyAsync(assembler.Reserve(length), CancellationToken.None);
                if (assembler.Accept(length) is { } happened)
                {
                    finished.Add(happened);
                }

                handled++;
                TellProgress();
            }
        }
        finally
        {
            DisposeAll(finished);
        }

        void TellProgress() => Volatile.Write(ref progress, (handled << 1) | (assembler.InTransaction || finished.Count > 0 ? 1L : 0L));
    }

    private IEnumerable<KeyValuePair<string, string?>> PluginOptions()
    {
        // A list of identifiers inside a literal.
        var publication = $"\"{options.Publication.Replace("\"", "\"\"", StringComparison.Ordinal)}\"".Replace("'", "''", StringComparison.Ordinal);
        return
        [
            new("proto_version", "1"),
            new("publication_names", publication),
            new("messages", "on"),
        ];
    }

    private async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        while (!TryStart())
        {
            await events.Writer.WaitToWriteAsync(cancellationToken);
        }
    }

    /// <summary>Tells that the stream has begun, unless that has been told; false when the queue is full.</summary>
    private bool TryStart()
    {
        SourceEvent.Started started;
        lock (gate)
        {
            if (startToTell is null)
            {
                return true;
            }

            if (!events.Writer.TryWrite(startToTell))
            {
                return false;
            }

            started = startToTell;
            startToTell = null;
            hasStreamed = true;
        }

        SetStatus(current => current with { State = ReplicationState.Streaming, Since = time.GetUtcNow() });
        logger.Streaming(started.From, status.SlotName ?? "", started.IsContinuation ? "continued" : "a new epoch");
        return true;
    }

    /// <summary>Writes the events in order, waiting for room; takes out of the list what has been written.</summary>
    private async ValueTask DeliverAsync(List<SourceEvent> finished, CancellationToken cancellationToken)
    {
        while (true)
        {
            var written = 0;
            lock (gate)
            {
                while (written < finished.Count && TryDeliver(finished[written]))
                {
                    written++;
                }
            }

            finished.RemoveRange(0, written);
            if (finished.Count == 0)
            {
                return;
            }

            await events.Writer.WaitToWriteAsync(cancellationToken);
        }
    }

    private static void DisposeAll(List<SourceEvent> undelivered)
    {
        foreach (var happened in undelivered)
        {
            (happened as SourceEvent.Transaction)?.Committed.Dispose();
        }
    }

    /// <summary>Called with the gate held; false when the queue is full.</summary>
    private bool TryDeliver(SourceEvent happened)
    {
        if (!events.Writer.TryWrite(happened))
        {
            return false;
        }

        switch (happened)
        {
            case SourceEvent.Transaction transaction:
                delivered = Lsn.Max(delivered, transaction.Committed.EndLsn);
                break;
            case SourceEvent.Message message:
                deliveredMessage = message.Lsn;
                break;
            default:
                throw new System.Diagnostics.UnreachableException();
        }

        return true;
    }

    /// <summary>
    /// Tells positions that the stream has passed without a commit of ours. Npgsql answers keepalives itself and shows only the highest LSN it has seen.
    /// </summary>
    /// <remarks>
    /// Between two transactions that LSN is exact: the only message whose header may have been seen but not handled is then a Begin or a
    /// logical message, and those lie below the end of any commit that is still to come.
    /// So: between transactions, the LSN, still between and nothing handled meanwhile.
    /// </remarks>
    private async Task TellPositionsAsync(LogicalReplicationConnection replication, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(PositionInterval, time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            var before = Volatile.Read(ref progress);
            var received = new Lsn((ulong)replication.LastReceivedLsn);
            if (received == Lsn.Zero || !TryStart() || (before & 1) != 0)
            {
                continue;
            }

            lock (gate)
            {
                if (Volatile.Read(ref progress) == before && received > delivered && events.Writer.TryWrite(new SourceEvent.Position(received)))
                {
                    delivered = received;
                }
            }
        }
    }

    /// <summary>Watches publication, slot and lag; ends the stream with the reason when it cannot be trusted any more.</summary>
    private async Task MonitorAsync(NpgsqlConnection first, uint publication, string slotName, CancellationTokenSource stream)
    {
        var plain = first;
        var isNearItsEnd = false;
        using var timer = new PeriodicTimer(options.MonitorInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stream.Token))
            {
                StreamHealth health;
                try
                {
                    if (plain.State != System.Data.ConnectionState.Open)
                    {
                        await plain.DisposeAsync();
                        plain = await connections.OpenPlainAsync(stream.Token);
                    }

                    health = await Catalog.HealthAsync(plain, options.Publication, slotName, stream.Token);
                }
                catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
                {
                    logger.MonitorFailed(exception.Message);
                    continue;
                }

                if (Trouble(health, publication) is { } trouble)
                {
                    slots.Discard(trouble);
                    await stream.CancelAsync();
                    throw new StreamFailure(trouble);
                }

                transactionIds.Observe(health.NextXid);
                isNearItsEnd = Report(health, slotName, isNearItsEnd);
            }
        }
        finally
        {
            await plain.DisposeAsync();
        }
    }

    private string? Trouble(StreamHealth health, uint publication)
    {
        if (health.PublicationOid != publication)
        {
            return PublicationChanged;
        }

        return health.Slot switch
        {
            null => "the slot was dropped",
            { IsLost: true } => "the slot was invalidated: WAL that it needs was removed",
            _ => null,
        };
    }

    private bool Report(StreamHealth health, string slotName, bool wasNearItsEnd)
    {
        var slot = health.Slot!;
        var position = Status.Position;
        var lag = health.FlushedUpTo > position ? (long)(health.FlushedUpTo.Value - position.Value) : 0;
        SetStatus(current => current with { LagBytes = lag, RetainedBytes = slot.RetainedBytes, SafeBytes = slot.SafeBytes });
        var isNearItsEnd = slot.SafeBytes < slot.RetainedBytes;
        if (isNearItsEnd && !wasNearItsEnd)
        {
            logger.SlotNearItsEnd(slotName, slot.RetainedBytes, slot.SafeBytes ?? 0);
        }

        return isNearItsEnd;
    }

    private void WaitingFor(string blockers) => SetStatus(current => current with
    {
        State = ReplicationState.WaitingForTransactions,
        Detail = blockers.Length > 0 ? blockers : current.Detail,
    });

    private void SetStatus(Func<ReplicationStatus, ReplicationStatus> change)
    {
        lock (statusGate)
        {
            status = change(status);
        }
    }

    private static Task Ended(Task task) =>
        task.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
}
