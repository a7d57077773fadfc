namespace SyncEngine.Values.Comparers;

/// <summary>
/// numeric of any length: -Infinity, the numbers by value (1.1 equals 1.10), Infinity, NaN, which equals itself.
/// </summary>
/// <remarks>
/// The text of a numeric has no exponent, no plus sign, no negative zero, and no leading zeros but the one before the point.
/// So a value's key is its text without the fraction's trailing zeros.
/// </remarks>
sealed class NumericComparer : ValueComparer
{
    public static readonly NumericComparer Instance = new();

    public override int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var leftRank = Rank(left);
        var rightRank = Rank(right);
        if (leftRank != rightRank)
        {
            return leftRank.CompareTo(rightRank);
        }

        return leftRank switch
        {
            Negative => CompareMagnitudes(right[1..], left[1..]),
            NotNegative => CompareMagnitudes(left, right),
            _ => 0,
        };
    }

    public override ReadOnlySpan<byte> EqualityKey(ReadOnlySpan<byte> text) =>
        text.Contains((byte)'.') ? text.TrimEnd((byte)'0').TrimEnd((byte)'.') : text;

    private const int NegativeInfinity = 0, Negative = 1, NotNegative = 2, Infinity = 3, NaN = 4;

    private static int Rank(ReadOnlySpan<byte> text) => text switch
    {
        [(byte)'-', (byte)'I', ..] => NegativeInfinity,
        [(byte)'-', ..] => Negative,
        [(byte)'I', ..] => Infinity,
        [(byte)'N', ..] => NaN,
        _ => NotNegative,
    };

    private static int CompareMagnitudes(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var leftWhole = WholeLength(left);
        var rightWhole = WholeLength(right);
        if (leftWhole != rightWhole)
        {
            return leftWhole.CompareTo(rightWhole);
        }

        // Equally many digits before the point: what is left is lexicographic, and a missing digit is a zero.
        var common = Math.Min(left.Length, right.Length);
        var order = left[..common].SequenceCompareTo(right[..common]);
        if (order != 0)
        {
            return order;
        }

        var tail = left.Length > common ? left[common..] : right[common..];
        return tail.ContainsAnyExcept((byte)'0', (byte)'.') ? left.Length.CompareTo(right.Length) : 0;
    }

    private static int WholeLength(ReadOnlySpan<byte> magnitude)
    {
        var point = magnitude.IndexOf((byte)'.');
        return point < 0 ? magnitude.Length : point;
    }
}
