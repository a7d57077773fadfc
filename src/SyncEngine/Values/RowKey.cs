namespace SyncEngine.Values;

/// <summary>
/// The identity of a row in a result: the key columns as a JSON array in UTF-8, e.g. <c>["42"]</c>. Equal when the bytes are.
/// </summary>
public readonly struct RowKey(byte[] json) : IEquatable<RowKey>
{
    private readonly int hash = HashOf(json);

    public byte[] Json { get; } = json;

    public bool Equals(RowKey other) => hash == other.hash && Json.AsSpan().SequenceEqual(other.Json);

    public override bool Equals(object? obj) => obj is RowKey other && Equals(other);

    public override int GetHashCode() => hash;

    public override string ToString() => System.Text.Encoding.UTF8.GetString(Json);

    internal static int HashOf(ReadOnlySpan<byte> bytes)
    {
        var sum = default(HashCode);
        sum.AddBytes(bytes);
        return sum.ToHashCode();
    }
}
