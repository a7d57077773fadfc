using System.Buffers.Binary;
using System.Security.Cryptography;

namespace SyncEngine.Tiers;

/// <summary>
/// 128 bits that stand for a row's content, so that a result can be compared without keeping its rows. Two different rows share one with a
/// probability of 2^-128. It comes from SHA-256, so that rows cannot be made to collide on purpose.
/// </summary>
readonly record struct RowHash(ulong High, ulong Low)
{
    public static RowHash Of(ReadOnlySpan<byte> row)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(row, digest);
        return new RowHash(BinaryPrimitives.ReadUInt64LittleEndian(digest), BinaryPrimitives.ReadUInt64LittleEndian(digest[8..]));
    }
}
