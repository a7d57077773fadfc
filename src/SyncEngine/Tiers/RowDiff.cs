using SyncEngine.Values;

namespace SyncEngine.Tiers;

/// <summary>The change of a result in one step: whole rows that came or changed, keys that went. A key is in one list at most.</summary>
/// <param name="AddedAt">For an ordered result each added row's final index, else null; likewise <paramref name="UpdatedAt"/>.</param>
sealed record RowDiff(
    IReadOnlyList<EncodedRow> Added,
    IReadOnlyList<EncodedRow> Updated,
    IReadOnlyList<RowKey> Removed,
    IReadOnlyList<int>? AddedAt = null,
    IReadOnlyList<int>? UpdatedAt = null)
{
    public bool IsEmpty => Added.Count == 0 && Updated.Count == 0 && Removed.Count == 0;

    public bool IsOrdered => AddedAt is not null;

    /// <summary>
    /// The net effect of this diff and then a later one of the same unordered result. A row that went and came again is reported as updated
    /// although it may be equal: its old content is not known here.
    /// </summary>
    public RowDiff Then(RowDiff later)
    {
        var net = new Dictionary<RowKey, (Change Change, EncodedRow Row)>();
        foreach (var row in Added)
        {
            net[row.Key] = (Change.Added, row);
        }

        foreach (var row in Updated)
        {
            net[row.Key] = (Change.Updated, row);
        }

        foreach (var key in Removed)
        {
            net[key] = (Change.Removed, default);
        }

        foreach (var row in later.Added)
        {
            var wasThere = net.TryGetValue(row.Key, out var before) && before.Change == Change.Removed;
            net[row.Key] = (wasThere ? Change.Updated : Change.Added, row);
        }

        foreach (var row in later.Updated)
        {
            var isNew = net.TryGetValue(row.Key, out var before) && before.Change == Change.Added;
            net[row.Key] = (isNew ? Change.Added : Change.Updated, row);
        }

        foreach (var key in later.Removed)
        {
            if (net.TryGetValue(key, out var before) && before.Change == Change.Added)
            {
                net.Remove(key);
            }
            else
            {
                net[key] = (Change.Removed, default);
            }
        }

        List<EncodedRow> added = [], updated = [];
        List<RowKey> removed = [];
        foreach (var (key, (change, row)) in net)
        {
            switch (change)
            {
                case Change.Added:
                    added.Add(row);
                    break;
                case Change.Updated:
                    updated.Add(row);
                    break;
                default:
                    removed.Add(key);
                    break;
            }
        }

        return new RowDiff(added, updated, removed);
    }

    private enum Change
    {
        Added,
        Updated,
        Removed,
    }
}
