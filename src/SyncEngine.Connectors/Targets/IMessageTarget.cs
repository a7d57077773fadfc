using SyncEngine.Observability;

namespace SyncEngine.Connectors.Targets;

/// <summary>
/// Somewhere messages go: Ably, the engine's own hub, a broker.
/// </summary>
/// <remarks>
/// The caller keeps at most one call under way for each channel, and calls for different channels beside each other.
/// The implementer answers for each message, sends in the order given, and never sends a message past one that was not stored.
/// It makes one attempt (with its own fallback hosts and renewed credentials); waiting and trying again is the caller's.
/// Stored: nothing. After a crash, or when an answer got lost, the same messages come again under the same ids.
/// </remarks>
public interface IMessageTarget : IAsyncDisposable
{
    /// <summary>Lower case: <c>ably</c>, <c>hub</c>. Configuration and dead letters call it so.</summary>
    string Name { get; }

    /// <summary>How the target as a whole does, as opposed to one of its channels: named <c>outbox.NAME</c>.</summary>
    IHealthPart Health { get; }

    /// <summary>How many messages of one channel it takes in one call.</summary>
    int MessagesPerCall { get; }

    /// <param name="messages">At least one and at most <see cref="MessagesPerCall"/>, all of one channel, in order.</param>
    /// <exception cref="OperationCanceledException">Only when the token asks for it; what became of the messages is unknown then.</exception>
    Task<PublishResult> PublishAsync(IReadOnlyList<OutboundMessage> messages, CancellationToken cancellationToken);
}

/// <summary>The first <paramref name="Stored"/> messages are stored; the next one was refused, unless <paramref name="Refusal"/> is null.</summary>
public sealed record PublishResult(int Stored, Refusal? Refusal = null);

/// <summary>Why a message is not stored.</summary>
/// <param name="Kind">What to do about it.</param>
/// <param name="Code">The target's own code (<c>40009</c>), or ours (<c>unreachable</c>, <c>timeout</c>).</param>
/// <param name="Reason">For operators: no secrets, no payload.</param>
/// <param name="After">The target asked to wait this long.</param>
public sealed record Refusal(RefusalKind Kind, string Code, string Reason, TimeSpan? After = null);

public enum RefusalKind
{
    /// <summary>Try the same again later: network, overload, an answer that got lost.</summary>
    Retry,

    /// <summary>Nothing can be published at present, and no message is to blame: credentials refused. Tried again slowly.</summary>
    Pause,

    /// <summary>Refused for a reason that is nobody's but the message's, as far as one can tell: tried eight times, then as <see cref="Never"/>.</summary>
    Doubtful,

    /// <summary>This message can never be stored: dead letter.</summary>
    Never,
}
