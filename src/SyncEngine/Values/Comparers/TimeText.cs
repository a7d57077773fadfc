using System.Text;

namespace SyncEngine.Values.Comparers;

/// <summary>
/// Reads dates and timestamps in DateStyle ISO and UTC, over PostgreSQL's whole range (4713 BC to 5874897 AD), which DateTime does not
/// cover. Counted from 2000-01-01 as PostgreSQL does (from 1970 the last microsecond would not fit 64 bits); infinity and -infinity are the
/// largest and the smallest number.
/// </summary>
static class TimeText
{
    private const long MicrosecondsPerSecond = 1_000_000;
    private const long MicrosecondsPerDay = 86_400 * MicrosecondsPerSecond;

    public static long ParseDays(ReadOnlySpan<byte> text)
    {
        if (IsInfinity(text, out var end))
        {
            return end;
        }

        var rest = WithoutEra(text, out var isBeforeChrist);
        var days = ReadDays(ref rest, isBeforeChrist);
        return rest.IsEmpty ? days : throw Malformed(text);
    }

    public static long ParseMicroseconds(ReadOnlySpan<byte> text)
    {
        if (IsInfinity(text, out var end))
        {
            return end;
        }

        var rest = WithoutEra(text, out var isBeforeChrist);
        var days = ReadDays(ref rest, isBeforeChrist);
        Expect(ref rest, (byte)' ');
        var seconds = ReadNumber(ref rest) * 60;
        Expect(ref rest, (byte)':');
        seconds = (seconds + ReadNumber(ref rest)) * 60;
        Expect(ref rest, (byte)':');
        seconds += ReadNumber(ref rest);
        var fraction = ReadFraction(ref rest);
        return rest.IsEmpty || rest.SequenceEqual("+00"u8)
            ? (days * MicrosecondsPerDay) + (seconds * MicrosecondsPerSecond) + fraction
            : throw Malformed(text);
    }

    private static bool IsInfinity(ReadOnlySpan<byte> text, out long end)
    {
        end = text is [(byte)'-', ..] ? long.MinValue : long.MaxValue;
        return text is [(byte)'-' or (byte)'i', ..];
    }

    private static ReadOnlySpan<byte> WithoutEra(ReadOnlySpan<byte> text, out bool isBeforeChrist)
    {
        isBeforeChrist = text.EndsWith(" BC"u8);
        return isBeforeChrist ? text[..^3] : text;
    }

    private static long ReadDays(ref ReadOnlySpan<byte> rest, bool isBeforeChrist)
    {
        var year = ReadNumber(ref rest);
        Expect(ref rest, (byte)'-');
        var month = ReadNumber(ref rest);
        Expect(ref rest, (byte)'-');
        var day = ReadNumber(ref rest);
        return DaysSinceEpoch(isBeforeChrist ? 1 - year : year, month, day);
    }

    // The proleptic Gregorian calendar with years from March to February, so that the leap day is a year's last one.
    private static long DaysSinceEpoch(long year, long month, long day)
    {
        if (month <= 2)
        {
            year--;
            month += 12;
        }

        const long DaysPerEra = 146_097;
        const long YearsPerEra = 400;
        const long DaysFromMarchOfYearZeroToEpoch = 730_425;
        var era = (year >= 0 ? year : year - (YearsPerEra - 1)) / YearsPerEra;
        var yearOfEra = year - (era * YearsPerEra);
        var dayOfYear = (((153 * (month - 3)) + 2) / 5) + day - 1;
        var dayOfEra = (yearOfEra * 365) + (yearOfEra / 4) - (yearOfEra / 100) + dayOfYear;
        return (era * DaysPerEra) + dayOfEra - DaysFromMarchOfYearZeroToEpoch;
    }

    private static long ReadFraction(ref ReadOnlySpan<byte> rest)
    {
        if (rest is not [(byte)'.', ..])
        {
            return 0;
        }

        var digits = rest.Length;
        rest = rest[1..];
        var value = ReadNumber(ref rest);
        for (digits -= rest.Length + 1; digits < 6; digits++)
        {
            value *= 10;
        }

        return value;
    }

    private static long ReadNumber(ref ReadOnlySpan<byte> rest)
    {
        var value = 0L;
        var length = 0;
        while (length < rest.Length && rest[length] is >= (byte)'0' and <= (byte)'9')
        {
            value = (value * 10) + (rest[length++] - '0');
        }

        if (length is 0 or > 9)
        {
            throw Malformed(rest);
        }

        rest = rest[length..];
        return value;
    }

    private static void Expect(ref ReadOnlySpan<byte> rest, byte mark)
    {
        if (rest.IsEmpty || rest[0] != mark)
        {
            throw Malformed(rest);
        }

        rest = rest[1..];
    }

    private static FormatException Malformed(ReadOnlySpan<byte> text) =>
        new($"'{Encoding.UTF8.GetString(text)}' is not a date or timestamp in ISO style and UTC");
}
