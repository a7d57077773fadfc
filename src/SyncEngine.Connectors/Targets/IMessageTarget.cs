using SyncEngine.Observability;

namespace SyncEngine.Connectors.Targets;

/// <summary>
/// A destination of messages: Ably, the engine's own hub, a broker.
/// </summary>
/// <remarks>
/// The caller keeps at most one call under way for each channel, and calls for different channels beside each other.
/// The implementer answers for each message, sends in the order given, and never sends a message past one that was not stored.
/// It makes one attempt, with its own fallback hosts and renewed credentials. The caller waits and tries again.
/// Stored: nothing. After a crash, or when an answer is lost, the same messages come again under the same ids.
/// </remarks>
public interface IMessageTarget : IAsyncDisposable
{
    /// <summary>Lower case: <c>ably</c>, <c>hub</c>. Configuration and dead letters use it.</summary>
    string Name { get; }

    /// <summary>The health of the target as a whole, not of one channel. Named <c>outbox.NAME</c>.</summary>
    IHealthPart Health { get; }

    /// <summary>The number of messages of one channel that it takes in one call.</summary>
    int MessagesPerCall { get; }

    /// <param name="messages">At least one and at most <see cref="MessagesPerCall"/>, all of one channel, in order.</param>
    /// <exception cref="OperationCanceledException">
    /// Only when the token is cancelled. Then it is unknown whether the messages are stored.
    /// </exception>
    Task<PublishResult> PublishAsync(IReadOnlyList<OutboundMessage> messages, CancellationToken cancellationToken);
}

/// <summary>
/// The first <paramref name="Stored"/> messages are stored; the next one was refused, unless <paramref name="Refusal"/> is null.
/// </summary>
public sealed record PublishResult(int Stored, Refusal? Refusal = null);

/// <summary>The reason why a message is not stored.</summary>
/// <param name="Kind">The caller's reaction.</param>
/// <param name="Code">The target's own code (<c>40009</c>), or ours (<c>unreachable</c>, <c>timeout</c>).</param>
/// <param name="Reason">For operators: no secrets, no payload.</param>
/// <param name="After">The target asked to wait this long.</param>
public sealed record Refusal(RefusalKind Kind, string Code, string Reason, TimeSpan? After = null);

/// <summary>The caller's reaction to a refusal.</summary>
public enum RefusalKind
{
    /// <summary>The same may succeed later: network, overload, a lost answer.</summary>
    Retry,

    /// <summary>Nothing can be published now, and no message is the cause: credentials refused. Tried again slowly.</summary>
    Pause,

    /// <summary>
    /// The message is probably the cause, but the answer does not say so. Tried eight times, then treated as <see cref="Never"/>.
    /// </summary>
    Uncertain,

    /// <summary>This message can never be stored: dead letter.</summary>
    Never,
}
