using System.Threading.Channels;
using SyncEngine.Changes;

namespace SyncEngine.Ports;

/// <summary>One event of the stream; events come in order.</summary>
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

    /// <summary>A logical message outside of any transaction: it may come before its writer's commit, or without one.</summary>
    public sealed record Message(Lsn Lsn, string Prefix, byte[] Content) : SourceEvent;

    /// <summary>The stream is broken: until the next <see cref="Started"/>, results are those of an earlier cut.</summary>
    public sealed record Interrupted(string Reason) : SourceEvent;
}

/// <summary>The ordered stream of committed changes.</summary>
/// <remarks>
/// Lifecycle: <see cref="RunAsync"/> runs until cancelled and reconnects with backoff.
/// Backpressure: <see cref="Events"/> is bounded; when it is full, reading from the database pauses (feedback goes on).
/// Stored: nothing for a temporary slot; for a persistent one the position given to <see cref="Acknowledge"/>.
/// After a crash: a temporary slot starts a new epoch. A persistent one repeats what was not acknowledged, and the source drops what it
/// has delivered before.
/// </remarks>
public interface IChangeSource
{
    ChannelReader<SourceEvent> Events { get; }

    Task RunAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Keeps the rows of these relations, and no others, from the next transaction on. Called from one thread, while reading goes on.
    /// </summary>
    /// <returns>The version that transactions begun after this call carry; see <see cref="CommittedTransaction.WatchVersion"/>.</returns>
    long Watch(IReadOnlyCollection<uint> relationOids);

    /// <summary>Lets the server remove its log up to a position.</summary>
    void Acknowledge(Lsn position);

    /// <summary>
    /// Makes the stream reach the present write position soon although nothing is written, by a small flushed logical message. Calls
    /// coalesce.
    /// </summary>
    void EmitProgressMessage();
}
