using System.Diagnostics;
using System.Threading.Channels;
using Npgsql.Replication;
using NpgsqlTypes;
using SyncEngine.Changes;
using SyncEngine.Ports;

namespace SyncEngine.Postgres.Replication;

/// <summary>
/// The events that wait for the consumer, and the positions that follow from them: delivered, and acknowledged to the server.
/// </summary>
/// <remarks>
/// An event and the position that follows from it are written together, under one lock: the reading loop, the position loop and the
/// consumer meet here.
/// Backpressure: the queue is bounded; when it is full, the reading loop waits.
/// </remarks>
/// <param name="resumeAt">The position up to which the consumer has stored everything; zero without one.</param>
/// <param name="onStarted">Called after a stream's first event has been queued, on the loop that queued it.</param>
internal sealed class EventQueue(int capacity, Lsn resumeAt, Action<SourceEvent.Started> onStarted)
{
    private readonly Channel<SourceEvent> events = Channel.CreateBounded<SourceEvent>(
        new BoundedChannelOptions(capacity) { SingleReader = true });

    private readonly Lock access = new();
    private SourceEvent.Started? pendingStart;
    private bool hasStreamed;
    private Lsn delivered = resumeAt;
    private Lsn deliveredMessage;
    private Lsn acknowledged = resumeAt;
    private LogicalReplicationConnection? connection;

    public ChannelReader<SourceEvent> Reader => events.Reader;

    public Lsn Delivered
    {
        get
        {
            lock (access)
            {
                return delivered;
            }
        }
    }

    public Lsn Acknowledged
    {
        get
        {
            lock (access)
            {
                return acknowledged;
            }
        }
    }

    /// <summary>A connection is about to stream. Its start is queued with its first message.</summary>
    /// <returns>
    /// The positions below which the server repeats what has been delivered: of transactions, and of messages outside them.
    /// </returns>
    public (Lsn Delivered, Lsn DeliveredMessage) Begin(LogicalReplicationConnection replication, ReadySlot slot, string systemIdentifier)
    {
        lock (access)
        {
            if (!slot.IsContinuation)
            {
                delivered = acknowledged = slot.From;
                deliveredMessage = Lsn.Zero;
            }

            connection = replication;
            replication.SetReplicationStatus(new NpgsqlLogSequenceNumber(acknowledged.Value));
            pendingStart = new SourceEvent.Started(delivered, systemIdentifier, slot.IsContinuation);
            return (delivered, deliveredMessage);
        }
    }

    /// <summary>The connection takes no more feedback.</summary>
    public void Detach()
    {
        lock (access)
        {
            connection = null;
        }
    }

    /// <summary>The stream has ended; returns whether it had begun.</summary>
    public bool End()
    {
        lock (access)
        {
            var had = hasStreamed;
            (pendingStart, hasStreamed) = (null, false);
            return had;
        }
    }

    /// <summary>The server may forget everything up to the position.</summary>
    public void Acknowledge(Lsn position)
    {
        lock (access)
        {
            // Never beyond this epoch: a position of an earlier server means nothing to this one.
            var confirmed = Lsn.Min(position, delivered);
            if (confirmed > acknowledged)
            {
                acknowledged = confirmed;
                connection?.SetReplicationStatus(new NpgsqlLogSequenceNumber(confirmed.Value));
            }
        }
    }

    /// <summary>Queues the stream's start, unless that has been done; waits for room.</summary>
    public async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        while (!TryStart())
        {
            await events.Writer.WaitToWriteAsync(cancellationToken);
        }
    }

    /// <summary>Queues the stream's start, unless that has been done; false when the queue is full.</summary>
    public bool TryStart()
    {
        SourceEvent.Started started;
        lock (access)
        {
            if (pendingStart is null)
            {
                return true;
            }

            if (!events.Writer.TryWrite(pendingStart))
            {
                return false;
            }

            started = pendingStart;
            pendingStart = null;
            hasStreamed = true;
        }

        onStarted(started);
        return true;
    }

    /// <summary>Queues the events in order, waiting for room; takes out of the list what has been queued.</summary>
    public async ValueTask DeliverAsync(List<SourceEvent> finished, CancellationToken cancellationToken)
    {
        while (true)
        {
            var written = 0;
            lock (access)
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

    /// <summary>Queues a position beyond the delivered one, if there is room and nothing was handled since the mark was taken.</summary>
    public void OfferPosition(Lsn received, ReadingProgress progress, ProgressMark mark)
    {
        lock (access)
        {
            if (progress.Mark == mark && received > delivered && events.Writer.TryWrite(new SourceEvent.Position(received)))
            {
                delivered = received;
            }
        }
    }

    public ValueTask InterruptAsync(string reason, CancellationToken cancellationToken) =>
        events.Writer.WriteAsync(new SourceEvent.Interrupted(reason), cancellationToken);

    public void Complete() => events.Writer.TryComplete();

    /// <summary>Called with the lock held; false when the queue is full.</summary>
    private bool TryDeliver(SourceEvent finished)
    {
        if (!events.Writer.TryWrite(finished))
        {
            return false;
        }

        switch (finished)
        {
            case SourceEvent.Transaction transaction:
                delivered = Lsn.Max(delivered, transaction.Committed.EndLsn);
                break;
            case SourceEvent.Message message:
                deliveredMessage = message.Lsn;
                break;
            default:
                throw new UnreachableException();
        }

        return true;
    }
}
