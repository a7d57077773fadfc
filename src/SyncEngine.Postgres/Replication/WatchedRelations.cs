using System.Collections.Frozen;

namespace SyncEngine.Postgres.Replication;

/// <summary>The relations whose rows are kept, as of one version. Never changed: a new set is a new object.</summary>
internal sealed class WatchedRelations(long version, IEnumerable<uint> oids)
{
    public static readonly WatchedRelations None = new(0, []);

    private readonly FrozenSet<uint> oids = oids.ToFrozenSet();

    public long Version { get; } = version;

    public bool Contains(uint oid) => oids.Contains(oid);
}
