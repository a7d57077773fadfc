namespace SyncEngine.Values.Comparers;

/// <summary>date, by day; the infinities are the ends.</summary>
sealed class DateComparer : ValueComparer
{
    public static readonly DateComparer Instance = new();

    public override int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        TimeText.ParseDays(left).CompareTo(TimeText.ParseDays(right));
}

/// <summary>timestamp, and timestamptz in UTC, by microsecond; the infinities are the ends.</summary>
sealed class TimestampComparer : ValueComparer
{
    public static readonly TimestampComparer Instance = new();

    public override int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        TimeText.ParseMicroseconds(left).CompareTo(TimeText.ParseMicroseconds(right));
}
