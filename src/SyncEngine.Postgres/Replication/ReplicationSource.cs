using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using SyncEngine.Changes;
using SyncEngine.Ports;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Replication;

/// <summary>
/// The stream of committed changes from a replication slot. Npgsql is the transport; the engine decodes the messages itself.
/// </summary>
/// <remarks>
/// This type has the state that is kept across connections. <see cref="ReplicationStream"/> runs each connection,
/// <see cref="MessageReader"/> reads its messages, and <see cref="TransactionAssembler"/> makes transactions of them.
/// <see cref="EventQueue"/> has the events that wait, and the positions.
/// Lifecycle: <see cref="RunAsync"/> once; it reconnects with backoff until cancelled, then completes <see cref="Events"/>.
/// Backpressure: when the queue is full, reading pauses. Past the memory budget transactions wait in files.
/// Stored: nothing in this process; PostgreSQL stores the slot.
/// After a crash: see <see cref="SlotKeeper"/>. The next start removes spill files that were left.
/// </remarks>
public sealed class ReplicationSource : IChangeSource
{
    private readonly StreamContext context;
    private readonly EventQueue events;
    private readonly WatchSet watchSet = new();
    private readonly StatusRecord status;
    private readonly MessageMemory memory;
    private readonly SpillDirectory spillDirectory;
    private readonly ProgressMessageWriter progressMessages;

    public ReplicationSource(ReplicationSourceOptions options, TimeProvider time, ILogger<ReplicationSource> logger)
    {
        options.Validate();
        context = new StreamContext(options, new ReplicationConnections(options), time, logger);
        events = new EventQueue(options.QueueCapacity, options.Resume?.Position ?? Lsn.Zero, OnStarted);
        status = new StatusRecord(time);
        memory = new MessageMemory(options.MemoryBudgetBytes);
        spillDirectory = new SpillDirectory(options.SpillDirectory);
        progressMessages = new ProgressMessageWriter(context);
    }

    public ChannelReader<SourceEvent> Events => events.Reader;

    public ReplicationStatus Status => status.Current with { Position = events.Delivered };

    /// <summary>The bytes of the buffers of transactions that are being read, are queued, or are in use by the consumer.</summary>
    public long HeldBytes => memory.HeldBytes;

    /// <summary>The given set replaces the one before.</summary>
    public long Watch(IReadOnlyCollection<uint> relationOids) => watchSet.Replace(relationOids);

    public void Acknowledge(Lsn position) => events.Acknowledge(position);

    public void EmitProgressMessage() => progressMessages.Request();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var writing = progressMessages.RunAsync(stop.Token);
        try
        {
            if (spillDirectory.RemoveAbandoned() is var removed and > 0)
            {
                context.Logger.RemovedSpillFiles(removed);
            }

            await StreamForeverAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Cancelled: the stream ends here.
        }
        finally
        {
            await stop.CancelAsync();
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            events.Complete();
        }
    }

    private async Task StreamForeverAsync(CancellationToken cancellationToken)
    {
        var transactionIds = new TransactionIds();
        using var assembler = new TransactionAssembler(memory, spillDirectory, transactionIds, () => watchSet.Current);
        var stream = new ReplicationStream(context, events, status, assembler, transactionIds);
        var options = context.Options;
        var retry = new Retry(options.MinimumBackoff, options.MaximumBackoff, new RetryClock(context.Time, new Random(options.Seed)));
        var isInterrupted = false;
        await retry.ForeverAsync(stream.RunAsync, static _ => true, InterruptedAsync, cancellationToken);

        async ValueTask InterruptedAsync(Exception failure)
        {
            if (events.End())
            {
                isInterrupted = false;
                retry.Reset();
            }

            status.Interrupted(failure.Message);
            context.Logger.Interrupted(failure.Message, failure is StreamFailure ? null : failure);
            if (!isInterrupted)
            {
                await events.InterruptAsync(failure.Message, cancellationToken);
                isInterrupted = true;
            }
        }
    }

    private void OnStarted(SourceEvent.Started started)
    {
        status.Begin(ReplicationState.Streaming);
        context.Logger.Streaming(started.From, status.Current.SlotName ?? "", started.IsContinuation ? "continued" : "a new epoch");
    }
}
