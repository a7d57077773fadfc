using SyncEngine.Values;

namespace SyncEngine.Tiers.SingleTable;

/// <summary>Finds byte keys by a span, so that a lookup allocates nothing.</summary>
sealed class ByteKeyComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
{
    public static readonly ByteKeyComparer Instance = new();

    public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

    public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

    public int GetHashCode(byte[] obj) => RowKey.HashOf(obj);

    public int GetHashCode(ReadOnlySpan<byte> alternate) => RowKey.HashOf(alternate);

    public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
}

/// <summary>The same for row keys.</summary>
sealed class RowKeyComparer : IEqualityComparer<RowKey>, IAlternateEqualityComparer<ReadOnlySpan<byte>, RowKey>
{
    public static readonly RowKeyComparer Instance = new();

    public bool Equals(RowKey x, RowKey y) => x.Equals(y);

    public bool Equals(ReadOnlySpan<byte> alternate, RowKey other) => alternate.SequenceEqual(other.Json);

    public int GetHashCode(RowKey obj) => obj.GetHashCode();

    public int GetHashCode(ReadOnlySpan<byte> alternate) => RowKey.HashOf(alternate);

    public RowKey Create(ReadOnlySpan<byte> alternate) => new(alternate.ToArray());
}
