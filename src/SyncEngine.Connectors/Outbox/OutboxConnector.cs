using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Connectors.Targets;

namespace SyncEngine.Connectors.Outbox;

public sealed class OutboxConnector(OutboxOptions options, IReadOnlyList<TargetRoute> routes, NpgsqlDataSource database, ICommitOrder? commitOrder, OutboxHealth health, OutboxMetrics metrics, TimeProvider time, ILoggerFactory loggers)
{
    public Task RunAsync(CancellationToken cancellationToken)
    {
        _ = (options, routes, database, commitOrder, health, metrics, loggers);
        return Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken);
    }
}

public sealed record TargetRoute(string Pattern, IMessageTarget Target);

public sealed class OutboxMetrics : IDisposable
{
    public void Dispose()
    {
    }
}
