using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace SyncEngine.Connectors.Nodes;

/// <summary>
/// The owner of a channel: the node with the highest hash of node and channel. Nodes that have the same list of nodes agree on it. When a
/// node joins or leaves, only its own channels get another owner. Source: Thaler and Ravishankar, highest random weight hashing.
/// </summary>
static class Rendezvous
{
    public static bool IsOwner(string channel, string node, IReadOnlyCollection<string> liveNodes)
    {
        var own = Weight(node, channel);
        foreach (var other in liveNodes)
        {
            if (!other.Equals(node, StringComparison.Ordinal))
            {
                var weight = Weight(other, channel);
                if (weight > own || (weight == own && string.CompareOrdinal(other, node) > 0))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static ulong Weight(string node, string channel)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{node}\n{channel}"), hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }
}
