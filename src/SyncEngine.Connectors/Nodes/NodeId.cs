using System.Security.Cryptography;
using System.Text;

namespace SyncEngine.Connectors.Nodes;

/// <summary>
/// A node's id in the nodes table: a UUID that is new at each start. Several outboxes may share a nodes table, and a node shares channels
/// only with nodes of the same outbox. The first group of the id is therefore a digest of the outbox's name.
/// </summary>
sealed class NodeId
{
    private const int GroupLength = 8;

    private readonly string group;

    /// <param name="work">The name of the shared work, such as the outbox's.</param>
    public NodeId(string work)
    {
        group = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(work)))[..GroupLength];
        Id = group + Guid.NewGuid().ToString()[GroupLength..];
    }

    public string Id { get; }

    /// <summary>The nodes of the same work, this one among them.</summary>
    public IReadOnlyCollection<string> PeersAmong(IEnumerable<string> nodes) =>
        nodes.Where(other => other.StartsWith(group, StringComparison.Ordinal)).Append(Id).ToHashSet(StringComparer.Ordinal);
}
