using Microsoft.Extensions.Logging;

namespace SyncEngine.Postgres.Replication;

/// <summary>The options and services that the parts of one source share.</summary>
internal sealed record StreamContext(
    ReplicationSourceOptions Options, ReplicationConnections Connections, TimeProvider Time, ILogger Logger);
