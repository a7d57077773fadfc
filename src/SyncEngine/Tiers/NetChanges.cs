using SyncEngine.Values;

namespace SyncEngine.Tiers;

/// <summary>
/// The net effect that one transaction has on one result, by key: a row, or null for gone. Most transactions touch a result once, so few
/// entries are searched one by one and only many are indexed.
/// </summary>
sealed class NetChanges
{
    private const int SearchedEntries = 8;
    private readonly List<(RowKey Key, byte[]? Json)> entries = [];
    private Dictionary<RowKey, int>? positions;

    /// <summary>A TRUNCATE came before the entries: every row not among them is gone.</summary>
    public bool EmptiesFirst { get; private set; }

    /// <summary>The messages do not say what changed (an unchanged out-of-line value is left out): the result is read again.</summary>
    public bool IsUndecidable { get; set; }

    public IReadOnlyList<(RowKey Key, byte[]? Json)> Entries => entries;

    public bool TryGet(RowKey key, out byte[]? json)
    {
        var at = Find(key);
        json = at < 0 ? null : entries[at].Json;
        return at >= 0;
    }

    public void Set(RowKey key, byte[]? json)
    {
        var at = Find(key);
        if (at >= 0)
        {
            entries[at] = (key, json);
            return;
        }

        entries.Add((key, json));
        if (positions is not null)
        {
            positions.Add(key, entries.Count - 1);
        }
        else if (entries.Count > SearchedEntries)
        {
            positions = new Dictionary<RowKey, int>(entries.Count * 2);
            for (var i = 0; i < entries.Count; i++)
            {
                positions.Add(entries[i].Key, i);
            }
        }
    }

    public void Truncate()
    {
        entries.Clear();
        positions = null;
        EmptiesFirst = true;
        IsUndecidable = false;
    }

    /// <summary>Applies them to the rows of a read.</summary>
    public void ApplyTo(Dictionary<RowKey, byte[]> rows)
    {
        if (EmptiesFirst)
        {
            rows.Clear();
        }

        foreach (var (key, json) in entries)
        {
            if (json is null)
            {
                rows.Remove(key);
            }
            else
            {
                rows[key] = json;
            }
        }
    }

    private int Find(RowKey key)
    {
        if (positions is not null)
        {
            return positions.TryGetValue(key, out var at) ? at : -1;
        }

        for (var i = 0; i < entries.Count; i++)
        {
            if (entries[i].Key.Equals(key))
            {
                return i;
            }
        }

        return -1;
    }
}
