using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;

namespace SyncEngine.Postgres.Notifications;

/// <summary>The changes of one subscription since the batch before.</summary>
/// <param name="Payloads">Payloads in the order of their notifications.</param>
/// <param name="Generation">The connection that the listener has, or had last: the first is 1, and each reconnect adds 1.</param>
/// <param name="HasGap">Notifications may have been lost since the batch before: by another connection, or by a full queue.</param>
/// <param name="Failure">The reason why there is no connection at present; null while there is one.</param>
public sealed record NotificationBatch(IReadOnlyList<string> Payloads, long Generation, bool HasGap, string? Failure);

/// <summary>One subscriber's queue of notifications of one channel.</summary>
/// <remarks>
/// Lifecycle: from <see cref="NotificationListener.SubscribeAsync"/> until it is disposed of.
/// Backpressure: none on the listener. Equal payloads that wait are one payload. A full queue is emptied, and the next batch reports a gap.
/// Stored: nothing. After a lost connection the next batch reports a gap.
/// </remarks>
public sealed class NotificationSubscription : IAsyncDisposable
{
    private const int BytesPerPayload = 64;

    private readonly NotificationListener listener;
    private readonly int queueBytes;
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<bool> changed = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly Lock access = new(); // the listener writes what the subscriber reads
    private readonly HashSet<string> queued = new(StringComparer.Ordinal);
    private List<string> payloads = [];
    private int payloadBytes;
    private long generation;
    private bool hasGap;
    private string? failure;

    internal NotificationSubscription(NotificationListener listener, string channel, int queueBytes)
    {
        this.listener = listener;
        this.queueBytes = queueBytes;
        ChannelName = channel;
    }

    public string ChannelName { get; }

    /// <summary>The channel is listened to: every notification that commits from now on is queued.</summary>
    public bool IsListening
    {
        get
        {
            lock (access)
            {
                return generation > 0 && failure is null;
            }
        }
    }

    /// <inheritdoc cref="NotificationBatch" path="/param[@name='Generation']"/>
    public long Generation
    {
        get
        {
            lock (access)
            {
                return generation;
            }
        }
    }

    /// <summary>Completes when the channel is listened to, or when it is known that there is no connection.</summary>
    internal Task Ready => ready.Task;

    /// <summary>Batches until the listener or this subscription is disposed of.</summary>
    public async IAsyncEnumerable<NotificationBatch> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (await changed.Reader.WaitToReadAsync(cancellationToken))
        {
            changed.Reader.TryRead(out _);
            yield return Take();
        }
    }

    public ValueTask DisposeAsync()
    {
        listener.Remove(this);
        Complete();
        return ValueTask.CompletedTask;
    }

    internal void Offer(string payload)
    {
        lock (access)
        {
            if (!queued.Add(payload))
            {
                return;
            }

            payloads.Add(payload);
            payloadBytes += BytesPerPayload + Encoding.UTF8.GetByteCount(payload);
            if (payloadBytes > queueBytes)
            {
                Clear();
                hasGap = true;
            }
        }

        changed.Writer.TryWrite(true);
    }

    /// <summary>The channel is listened to on the connection of this number.</summary>
    internal void Listening(long connection)
    {
        lock (access)
        {
            if (ready.TrySetResult())
            {
                generation = connection;
                return;
            }

            if (generation == connection && failure is null)
            {
                return;
            }

            hasGap |= generation != connection;
            generation = connection;
            failure = null;
        }

        changed.Writer.TryWrite(true);
    }

    internal void Interrupted(string reason, long connection)
    {
        lock (access)
        {
            failure = reason;
            generation = ready.TrySetResult() ? connection : generation;
        }

        changed.Writer.TryWrite(true);
    }

    internal void Complete()
    {
        ready.TrySetResult();
        changed.Writer.TryComplete();
    }

    private NotificationBatch Take()
    {
        lock (access)
        {
            var batch = new NotificationBatch(payloads, generation, hasGap, failure);
            Clear();
            hasGap = false;
            return batch;
        }
    }

    private void Clear()
    {
        queued.Clear();
        payloads = [];
        payloadBytes = 0;
    }
}
