using SyncEngine.Permissions;

namespace SyncEngine.LiveQueries;

/// <summary>The live queries whose read is wanted, in the order in which it was asked for. Owned by the loop.</summary>
/// <remarks>Bounded by the number of live queries: each is in it at most once.</remarks>
sealed class ReadQueue
{
    // A requery known to answer faster than this may share a snapshot with others; a slow one would make them wait.
    private static readonly TimeSpan quick = TimeSpan.FromMilliseconds(5);

    private readonly LinkedList<LiveQuery> wanted = [];

    public int Count => wanted.Count;

    public void Enqueue(LiveQuery query) => wanted.AddLast(query);

    public void Remove(LiveQuery query) => wanted.Remove(query);

    /// <summary>Takes queries of one reader that may be read in one snapshot now.</summary>
    public List<LiveQuery> Take(int most, DateTimeOffset now)
    {
        List<LiveQuery> batch = [];
        Principal? reader = null;
        var node = wanted.First;
        while (node is not null && batch.Count < most)
        {
            var next = node.Next;
            var query = node.Value;
            if (query.CanStartRead && query.NotReadBefore <= now && (reader is null || IsSameReader(reader, query.Plan.Reader)))
            {
                var mayShare = MayShare(query);
                if (batch.Count == 0 || mayShare)
                {
                    batch.Add(query);
                    wanted.Remove(node);
                    reader = query.Plan.Reader;
                }

                if (!mayShare)
                {
                    break;
                }
            }

            node = next;
        }

        return batch;
    }

    private static bool MayShare(LiveQuery query) =>
        query.Plan.Tier.IsQuickToRead || (query.LastReadDuration > TimeSpan.Zero && query.LastReadDuration < quick);

    private static bool IsSameReader(Principal left, Principal right) => left.Role == right.Role && left.Claims == right.Claims;
}
