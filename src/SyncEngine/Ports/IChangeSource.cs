using System.Threading.Channels;
using SyncEngine.Changes;

namespace SyncEngine.Ports;

/// <summary>What the stream says, in order.</summary>
public abstract record SourceEvent
{
    private SourceEvent()
    {
    }

    /// <summary>
    /// A stream has begun whose every later commit will be delivered. It is a new epoch when <paramref name="IsContinuation"/> is false:
    /// commits may have been missed, so every result is read again.
    /// </summary>
    public sealed record Started(Lsn From, string SystemIdentifier, bool IsContinuation) : SourceEvent;

    /// <summary>A committed transaction. The consumer disposes it.</summary>
    public sealed record Transaction(CommittedTransaction Committed) : SourceEvent;

    /// <summary>Every commit that ends at or below the position has been delivered.</summary>
    public sealed record Position(Lsn Lsn) : SourceEvent;

    /// <summary>A logical message that was not part of a transaction (it may arrive ahead of its writer's end, or of no commit at all).</summary>
    public sealed record Message(Lsn Lsn, string Prefix, byte[] Content) : SourceEvent;

    /// <summary>The stream is broken and being mended; results are those of an earlier cut until the next <see cref="Started"/>.</summary>
    public sealed record Interrupted(string Reason) : SourceEvent;
}

/// <summary>
/// The ordered stream of committed changes.
/// </summary>
/// <remarks>
/// Lifecycle: <see cref="RunAsync"/> runs until cancelled and mends its own connection with backoff.
/// Backpressure: <see cref="Events"/> is bounded; when it is full, reading from the database pauses (feedback goes on).
/// Stored: nothing for a temporary slot; for a persistent one the position given to <see cref="Acknowledge"/>.
/// After a crash: a temporary slot starts a new epoch; a persistent one repeats what was not acknowledged, and the source drops what it delivered before.
/// </remarks>
public interface IChangeSource
{
    ChannelReader<SourceEvent> Events { get; }

    Task RunAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Rows of these relations are kept from the next transaction on. Returns the version that transactions begun after this call carry
    /// (<see cref="CommittedTransaction.WatchVersion"/>). Called from one thread, while reading goes on.
    /// </summary>
    long Watch(IReadOnlyCollection<uint> relationOids);

    /// <summary>Everything up to here may be forgotten by the server.</summary>
    void Acknowledge(Lsn position);

    /// <summary>Makes the stream reach the present write position soon although nobody writes (a small flushed logical message; calls coalesce).</summary>
    void EmitProgressMessage();
}
