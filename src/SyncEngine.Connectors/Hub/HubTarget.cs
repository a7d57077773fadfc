using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Connectors.Targets;
using SyncEngine.Observability;

namespace SyncEngine.Connectors.Hub;

public sealed class HubTarget(NpgsqlDataSource database, TimeProvider time, ILogger<HubTarget> logger) : IMessageTarget
{
    private readonly HealthPart health = new("outbox.hub", time);

    public string Name => "hub";

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
        _ = (database, logger);
        throw new NotSupportedException();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
