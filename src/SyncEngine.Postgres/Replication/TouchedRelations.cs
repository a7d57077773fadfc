namespace SyncEngine.Postgres.Replication;

/// <summary>
/// Collects the relations of one transaction, each once. Most transactions touch few, and the same as the one before.
/// </summary>
internal sealed class TouchedRelations
{
    private const int LinearLimit = 16;

    private readonly List<uint> oids = [];
    private readonly HashSet<uint> known = [];
    private uint[] previous = [];

    public void Add(uint oid)
    {
        if (oids.Count > 0 && oids[^1] == oid)
        {
            return;
        }

        if (oids.Count < LinearLimit)
        {
            if (!oids.Contains(oid))
            {
                oids.Add(oid);
            }

            return;
        }

        if (known.Count == 0)
        {
            known.UnionWith(oids);
        }

        if (known.Add(oid))
        {
            oids.Add(oid);
        }
    }

    /// <summary>Returns the set, which is never changed afterwards, and begins an empty one.</summary>
    public IReadOnlyList<uint> Take()
    {
        if (!oids.SequenceEqual(previous))
        {
            previous = [.. oids];
        }

        Clear();
        return previous;
    }

    public void Clear()
    {
        oids.Clear();
        known.Clear();
    }
}
