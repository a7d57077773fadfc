using System.Security.Cryptography;
using System.Text;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// A node's id in the nodes table: a UUID, fresh for each life. Its first group tells the outbox, so that nodes of several outboxes that share a nodes table divide channels only
/// with those that publish the same one.
/// </summary>
sealed class NodeId
{
    private const int GroupLength = 8;

    private readonly string group;

    public NodeId(OutboxNames names)
    {
        group = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(names.Outbox)))[..GroupLength];
        Id = group + Guid.NewGuid().ToString()[GroupLength..];
    }

    public string Id { get; }

    /// <summary>The nodes of the same outbox, this one among them.</summary>
    public IReadOnlyCollection<string> PeersAmong(IEnumerable<string> nodes) =>
        nodes.Where(other => other.StartsWith(group, StringComparison.Ordinal)).Append(Id).ToHashSet(StringComparer.Ordinal);
}
