using System.Buffers.Text;
using System.Text;

namespace SyncEngine.Values.Comparers;

/// <summary>int2, int4 and int8, in any mixture.</summary>
sealed class IntegerComparer : ValueComparer
{
    public static readonly IntegerComparer Instance = new();

    public override int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) => Parse(left).CompareTo(Parse(right));

    private static long Parse(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text, out long value, out var consumed) && consumed == text.Length
            ? value
            : throw new FormatException($"'{Encoding.UTF8.GetString(text)}' is not an integer's text");
}
