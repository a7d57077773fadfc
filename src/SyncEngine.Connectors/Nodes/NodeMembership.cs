using SyncEngine.Postgres.Nodes;

namespace SyncEngine.Connectors.Nodes;

/// <summary>One life of a node in the nodes table: it joins, confirms its registration with heartbeats, and leaves.</summary>
/// <remarks>Called by one loop at a time. Stored: a row of the nodes table, which expires by itself after a crash.</remarks>
sealed class NodeMembership(NodesTable table, NodeId node, NodeLease lease, TimeSpan expiry, TimeProvider time)
{
    public Task JoinAsync(CancellationToken cancellationToken) => table.JoinAsync(node.Id, expiry, cancellationToken);

    /// <summary>Confirms the registration, and with it the lease.</summary>
    /// <returns>The live nodes of the same work, this one among them.</returns>
    /// <exception cref="LeaseLostException">The registration had expired already.</exception>
    public async Task<IReadOnlyCollection<string>> BeatAsync(CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        var live = await table.BeatAsync(node.Id, expiry, cancellationToken);
        if (!live.Contains(node.Id, StringComparer.Ordinal))
        {
            throw new LeaseLostException();
        }

        lease.Confirm(asked);
        return node.PeersAmong(live);
    }

    /// <param name="wakeUpChannel">The NOTIFY channel on which the other nodes are woken.</param>
    public Task LeaveAsync(string wakeUpChannel, CancellationToken cancellationToken) =>
        table.LeaveAsync(node.Id, wakeUpChannel, cancellationToken);
}
