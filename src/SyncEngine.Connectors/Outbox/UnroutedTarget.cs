using SyncEngine.Connectors.Targets;
using SyncEngine.Observability;

namespace SyncEngine.Connectors.Outbox;

/// <summary>The target of channels that no rule names. It refuses every message, so that their rows become dead letters.</summary>
sealed class UnroutedTarget : IMessageTarget
{
    public static readonly UnroutedTarget Instance = new();

    private readonly HealthPart health = new("outbox.unrouted", TimeProvider.System);

    public string Name => "unrouted";

    public IHealthPart Health => health;

    public int MessagesPerCall => 1;

    public Task<PublishResult> PublishAsync(IReadOnlyList<OutboundMessage> messages, CancellationToken cancellationToken) =>
        Task.FromResult(new PublishResult(
            0, new Refusal(RefusalKind.Never, "unrouted", "no rule of SyncEngine:Outbox:Targets names a target for this channel")));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
