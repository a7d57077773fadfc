using System.Runtime.InteropServices;
using SyncEngine.Values;

namespace SyncEngine.Tiers;

/// <summary>
/// The rows of a live result at its cut: per key a hash of the row, and for an ordered result the keys in order. No row is kept whole.
/// </summary>
/// <remarks>One writer: the engine's loop. Memory: about 100 bytes and the key's bytes per row.</remarks>
sealed class ResultState(bool isOrdered)
{
    private readonly Dictionary<RowKey, RowHash> rows = [];
    private List<RowKey>? order = isOrdered ? [] : null;

    public int Count => rows.Count;

    /// <summary>Bytes held, about: the entry, the key object and the key's bytes of each row.</summary>
    public long Bytes { get; private set; }

    public IEnumerable<RowKey> Keys => rows.Keys;

    public bool Contains(RowKey key) => rows.ContainsKey(key);

    /// <summary>Applies a transaction's net changes by key to an unordered result, and returns what changed.</summary>
    public RowDiff Apply(NetChanges changes)
    {
        List<EncodedRow> added = [], updated = [];
        List<RowKey> removed = [];
        if (changes.EmptiesFirst)
        {
            foreach (var key in rows.Keys)
            {
                if (!changes.TryGet(key, out var row) || row is null)
                {
                    removed.Add(key);
                }
            }

            foreach (var key in removed)
            {
                Remove(key);
            }
        }

        foreach (var (key, json) in changes.Entries)
        {
            if (json is null)
            {
                if (Remove(key))
                {
                    removed.Add(key);
                }

                continue;
            }

            var hash = RowHash.Of(json);
            ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(rows, key, out var existed);
            if (!existed)
            {
                Bytes += BytesOf(key);
                added.Add(new EncodedRow(key, json));
            }
            else if (known != hash)
            {
                updated.Add(new EncodedRow(key, json));
            }

            known = hash;
        }

        return new RowDiff(added, updated, removed);
    }

    /// <summary>Makes the state that of a whole result as PostgreSQL returned it, and returns what changed.</summary>
    public RowDiff Replace(IReadOnlyList<EncodedRow> result)
    {
        var present = new HashSet<RowKey>(result.Count);
        foreach (var row in result)
        {
            present.Add(row.Key);
        }

        List<RowKey> removed = [.. rows.Keys.Where(key => !present.Contains(key))];
        foreach (var key in removed)
        {
            Remove(key);
        }

        var moved = isOrdered ? MovedKeys(result) : null;
        List<EncodedRow> added = [], updated = [];
        List<int> addedAt = [], updatedAt = [];
        for (var index = 0; index < result.Count; index++)
        {
            var row = result[index];
            var hash = RowHash.Of(row.Json);
            ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(rows, row.Key, out var existed);
            if (!existed)
            {
                Bytes += BytesOf(row.Key);
                added.Add(row);
                addedAt.Add(index);
            }
            else if (known != hash || moved?.Contains(row.Key) == true)
            {
                updated.Add(row);
                updatedAt.Add(index);
            }

            known = hash;
        }

        if (isOrdered)
        {
            order = result.Select(row => row.Key).ToList();
        }

        return isOrdered ? new RowDiff(added, updated, removed, addedAt, updatedAt) : new RowDiff(added, updated, removed);
    }

    private bool Remove(RowKey key)
    {
        if (!rows.Remove(key))
        {
            return false;
        }

        Bytes -= BytesOf(key);
        return true;
    }

    private static long BytesOf(RowKey key) => 100 + key.Json.Length;

    /// <summary>
    /// The surviving keys that must be taken out and put back for the order to come out right: all but a longest run of survivors whose
    /// relative order is kept (a longest increasing subsequence of their old positions).
    /// </summary>
    private HashSet<RowKey> MovedKeys(IReadOnlyList<EncodedRow> result)
    {
        var oldPosition = new Dictionary<RowKey, int>(order!.Count);
        for (var i = 0; i < order.Count; i++)
        {
            oldPosition[order[i]] = i;
        }

        List<(RowKey Key, int Old)> survivors = [];
        foreach (var row in result)
        {
            if (rows.ContainsKey(row.Key) && oldPosition.TryGetValue(row.Key, out var old))
            {
                survivors.Add((row.Key, old));
            }
        }

        // tails[k] = index into survivors of the smallest old position that ends an increasing run of length k + 1.
        List<int> tails = [];
        var previous = new int[survivors.Count];
        for (var i = 0; i < survivors.Count; i++)
        {
            int low = 0, high = tails.Count;
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (survivors[tails[middle]].Old < survivors[i].Old)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }

            previous[i] = low == 0 ? -1 : tails[low - 1];
            if (low == tails.Count)
            {
                tails.Add(i);
            }
            else
            {
                tails[low] = i;
            }
        }

        var moved = survivors.Select(survivor => survivor.Key).ToHashSet();
        for (var i = tails.Count == 0 ? -1 : tails[^1]; i >= 0; i = previous[i])
        {
            moved.Remove(survivors[i].Key);
        }

        return moved;
    }
}
