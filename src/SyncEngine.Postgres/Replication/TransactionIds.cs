using SyncEngine.Changes;

namespace SyncEngine.Postgres.Replication;

/// <summary>The newest 64-bit transaction id that was seen. The monitor and the stream each report on their own thread.</summary>
internal sealed class TransactionIds
{
    private ulong newest;

    public void Observe(ulong xid)
    {
        var seen = Volatile.Read(ref newest);
        while (xid > seen)
        {
            var found = Interlocked.CompareExchange(ref newest, xid, seen);
            if (found == seen)
            {
                return;
            }

            seen = found;
        }
    }

    /// <summary>Begins with the ids of another server.</summary>
    public void Reset(ulong xid) => Volatile.Write(ref newest, xid);

    public ulong Resolve(uint wireXid)
    {
        var xid = FullXid.Resolve(wireXid, Volatile.Read(ref newest));
        Observe(xid);
        return xid;
    }
}
