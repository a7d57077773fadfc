namespace SyncEngine.Postgres.Replication;

/// <summary>The relations that the engine reads at present. Set by the consumer, read by the reading loop at each transaction.</summary>
internal sealed class WatchSet
{
    private WatchedRelations current = WatchedRelations.None;

    public WatchedRelations Current => Volatile.Read(ref current);

    /// <summary>Replaces the set; returns the version that later transactions carry.</summary>
    public long Replace(IReadOnlyCollection<uint> relationOids)
    {
        var next = new WatchedRelations(Current.Version + 1, relationOids);
        Volatile.Write(ref current, next);
        return next.Version;
    }
}
