using System.Diagnostics.CodeAnalysis;

namespace SyncEngine.Changes;

/// <summary>
/// The relations as the stream has described them so far. Its consumer owns it: <see cref="ChangeReader"/> writes to it for each Relation
/// message. It is cleared when a stream starts, because a server describes each relation anew on each connection.
/// </summary>
public sealed class RelationMap
{
    private readonly Dictionary<uint, Relation> relations = [];
    private Relation? last;

    public int Count => relations.Count;

    /// <exception cref="KeyNotFoundException">The stream has not described it: rows were read out of order or past a failure.</exception>
    public Relation this[uint oid] =>
        TryGet(oid, out var relation) ? relation : throw new KeyNotFoundException($"relation {oid} has not been described by the stream");

    public bool TryGet(uint oid, [NotNullWhen(true)] out Relation? relation)
    {
        // Changes come in runs of one table.
        if (last is { } recent && recent.Oid == oid)
        {
            relation = recent;
            return true;
        }

        if (relations.TryGetValue(oid, out relation))
        {
            last = relation;
            return true;
        }

        return false;
    }

    public void Set(Relation relation)
    {
        relations[relation.Oid] = relation;
        last = relation;
    }

    public void Clear()
    {
        relations.Clear();
        last = null;
    }
}
