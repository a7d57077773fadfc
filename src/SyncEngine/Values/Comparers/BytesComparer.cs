namespace SyncEngine.Values.Comparers;

/// <summary>Values that sort as their text's bytes do: text under C, uuid (lower-case hexadecimal), bool (f before t).</summary>
sealed class BytesComparer : ValueComparer
{
    public static readonly BytesComparer Uncollated = new(isCollated: false);
    public static readonly BytesComparer Collated = new(isCollated: true);

    private BytesComparer(bool isCollated)
    {
        IsCollated = isCollated;
    }

    public override bool IsCollated { get; }

    public override int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) => left.SequenceCompareTo(right);
}
