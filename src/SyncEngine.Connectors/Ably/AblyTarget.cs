using Microsoft.Extensions.Logging;
using SyncEngine.Connectors.Targets;
using SyncEngine.Observability;

namespace SyncEngine.Connectors.Ably;

public sealed class AblyTarget(AblyOptions options, TimeProvider time, Random random, ILogger<AblyTarget> logger) : IMessageTarget
{
    private readonly HealthPart health = new("outbox.ably", time);

    public string Name => "ably";

    public IHealthPart Health
    {
        get
        {
            health.Up();
            return health;
        }
    }

    public int MessagesPerCall => 1;

    public Task<PublishResult> PublishAsync(IReadOnlyList<OutboundMessage> messages, CancellationToken cancellationToken)
    {
        _ = (options, random, logger);
        throw new NotSupportedException();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
