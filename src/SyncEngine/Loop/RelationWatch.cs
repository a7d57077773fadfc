using System.Collections.Immutable;
using System.Runtime.InteropServices;
using SyncEngine.Changes;
using SyncEngine.Ports;

namespace SyncEngine.Loop;

/// <summary>The relations whose rows the source keeps, because a live query reads them or an observer follows them.</summary>
sealed class RelationWatch(IChangeSource source)
{
    private readonly Dictionary<uint, Watched> watched = [];

    /// <summary>Adds a reader to each relation.</summary>
    /// <returns>The version from which on transactions carry all their rows; see <see cref="CommittedTransaction.WatchVersion"/>.</returns>
    public long Add(ImmutableArray<uint> relationOids)
    {
        List<uint> added = [];
        foreach (var oid in relationOids)
        {
            ref var relation = ref CollectionsMarshal.GetValueRefOrAddDefault(watched, oid, out var isKnown);
            relation.Readers++;
            if (!isKnown)
            {
                added.Add(oid);
            }
        }

        if (added.Count > 0)
        {
            var version = source.Watch(watched.Keys);
            foreach (var oid in added)
            {
                CollectionsMarshal.GetValueRefOrNullRef(watched, oid).Version = version;
            }
        }

        var newest = 0L;
        foreach (var oid in relationOids)
        {
            newest = Math.Max(newest, watched[oid].Version);
        }

        return newest;
    }

    /// <summary>Takes a reader off each relation.</summary>
    public void Remove(ImmutableArray<uint> relationOids)
    {
        var isChanged = false;
        foreach (var oid in relationOids)
        {
            ref var relation = ref CollectionsMarshal.GetValueRefOrNullRef(watched, oid);
            if (--relation.Readers == 0)
            {
                watched.Remove(oid);
                isChanged = true;
            }
        }

        if (isChanged)
        {
            source.Watch(watched.Keys);
        }
    }

    private struct Watched
    {
        public int Readers;
        public long Version;
    }
}
