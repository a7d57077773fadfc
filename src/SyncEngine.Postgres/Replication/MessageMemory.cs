using System.Buffers;

namespace SyncEngine.Postgres.Replication;

/// <summary>
/// Lends the buffers that transactions wait in, and counts them against the budget. Rented by the reader, given back from any thread.
/// </summary>
/// <remarks>
/// Whole buffers are counted, since a small transaction that is kept long keeps its buffer. It can exceed the budget by one buffer
/// (the one being filled), which holds at least one message.
/// </remarks>
internal sealed class MessageMemory(long budgetBytes)
{
    /// <summary>Below the size at which the garbage collector treats arrays as large.</summary>
    public const int ArenaBytes = 64 * 1024;

    private long heldBytes;

    public long HeldBytes => Interlocked.Read(ref heldBytes);

    public bool IsOver => HeldBytes > budgetBytes;

    public bool HasRoomFor(int bytes) => HeldBytes + Math.Max(bytes, ArenaBytes) <= budgetBytes;

    public MessageArena Rent(int minimumBytes)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(Math.Max(minimumBytes, ArenaBytes));
        Interlocked.Add(ref heldBytes, bytes.Length);
        return new MessageArena(this, bytes);
    }

    public void Return(byte[] bytes)
    {
        Interlocked.Add(ref heldBytes, -bytes.Length);
        ArrayPool<byte>.Shared.Return(bytes);
    }
}

/// <summary>
/// One buffer, shared by the transactions that have bytes in it. It is returned when the last of them and the reader have released it.
/// </summary>
internal sealed class MessageArena(MessageMemory owner, byte[] bytes)
{
    private int references = 1;

    public byte[] Bytes { get; } = bytes;

    public void AddReference() => Interlocked.Increment(ref references);

    public void Release()
    {
        if (Interlocked.Decrement(ref references) == 0)
        {
            owner.Return(Bytes);
        }
    }
}

/// <summary>Whole messages of one transaction inside an arena. It holds a reference.</summary>
internal readonly record struct ArenaSegment(MessageArena Arena, int Offset, int Length)
{
    public ReadOnlyMemory<byte> Memory => Arena.Bytes.AsMemory(Offset, Length);
}
