using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Postgres.Notifications;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Outbox;

/// <summary>The two ends of an outbox: its database, and the targets of its channels.</summary>
/// <param name="Routes">In order; the first that fits a channel decides.</param>
/// <param name="CommitOrder">Null where no stream of changes reports the outbox's commits.</param>
public sealed record OutboxConnections(
    NpgsqlDataSource Database, NotificationListener Listener, IReadOnlyList<TargetRoute> Routes, ICommitOrder? CommitOrder);

/// <summary>The health and the metrics that an outbox writes.</summary>
public sealed record OutboxInstruments(OutboxHealth Health, OutboxMetrics Metrics);

/// <summary>The parts that all components of one outbox share, whatever node is alive.</summary>
sealed record OutboxContext(
    OutboxOptions Options, OutboxConnections Connections, OutboxInstruments Instruments,
    WorkSignal Signal, RetryClock Clock, ILogger Logger)
{
    public OutboxHealth Health => Instruments.Health;

    public OutboxMetrics Metrics => Instruments.Metrics;

    public TimeProvider Time => Clock.Time;
}
