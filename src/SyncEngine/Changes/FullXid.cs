namespace SyncEngine.Changes;

/// <summary>
/// Gives the wire's 32-bit transaction ids their epoch: of all 64-bit ids with these low bits, the one nearest to a current id.
/// </summary>
/// <remarks>
/// PostgreSQL keeps every id that is in use within 2^31 of the newest one, so the nearest is the right one.
/// https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND
/// </remarks>
public static class FullXid
{
    private const ulong Epoch = 1UL << 32;
    private const ulong HalfEpoch = 1UL << 31;

    public static ulong Resolve(uint wireXid, ulong near)
    {
        var candidate = (near & ~(Epoch - 1)) | wireXid;
        if (candidate > near && candidate - near > HalfEpoch && candidate >= Epoch)
        {
            return candidate - Epoch;
        }

        return near > candidate && near - candidate > HalfEpoch ? candidate + Epoch : candidate;
    }
}
