using System.Globalization;
using System.Text;

namespace SyncEngine.IntegrationTests.Values;

/// <summary>Input texts for PostgreSQL's types, drawn from a seed, with the awkward ones among them.</summary>
sealed class RandomValues(int seed)
{
    private static readonly string[] pieces =
    [
        "\"", "\\", "'", "\n", "\r", "\t", "\b", "\f", "\u0001", "\u001f", "\u007f", "\u0085", "\u2028", "\uFFFD", "\uFEFF", "é", "e\u0301",
        "😀", "👩‍👩‍👧", "漢",
        "{", "}", ",", ";", "(", ")", "[", "]", ":", "/", "<", "&", " ", "NULL", "null", "a", "B", "0", "$1", "\\u0041", "\\\"",
    ];

    private readonly Random random = new(seed);

    public int Below(int limit) => random.Next(limit);

    public T Pick<T>(params ReadOnlySpan<T> choices) => choices[random.Next(choices.Length)];

    public string Text() => string.Concat(Enumerable.Range(0, random.Next(9)).Select(_ => Pick<string>(pieces)));

    public string Integer(int bits) => random.Next(6) switch
    {
        0 => Invariant(-(1L << (bits - 2)) * 2),
        1 => Invariant((1L << (bits - 2)) - 1 + (1L << (bits - 2))),
        2 => Invariant(random.Next(-3, 4)),
        _ => Invariant(random.NextInt64() >> (64 - bits)),
    };

    public string Numeric() => random.Next(10) switch
    {
        0 => Pick("NaN", "Infinity", "-Infinity"),
        1 => Pick("0", "-0", "0.00", "-0.000", "1.10", "1.1", "100", "1e-20", "1e40"),
        _ => Pick("", "-") + Digits(random.Next(1, 60)) + Pick("", "." + Digits(random.Next(1, 40)), ".5000"),
    };

    public string Double() => random.Next(6) switch
    {
        0 => Pick("NaN", "Infinity", "-Infinity", "0", "-0"),
        1 => Pick("1e15", "1e16", "1e-5", "0.0001", "5e-324", "1.7976931348623157e308", "0.1", "123456789012345680"),
        2 => Invariant(random.Next(-1000, 1000)),
        _ => BitConverter.Int64BitsToDouble(random.NextInt64()) is var value && double.IsFinite(value) ? value.ToString("R", CultureInfo.InvariantCulture) : "1.5",
    };

    public string Single() => random.Next(6) switch
    {
        0 => Pick("NaN", "Infinity", "-Infinity", "0", "-0"),
        1 => Pick("1e-45", "3.4028235e38", "1e6", "1e7", "0.0001", "0.00001"),
        _ => BitConverter.Int32BitsToSingle(random.Next()) is var value && float.IsFinite(value) ? value.ToString("R", CultureInfo.InvariantCulture) : "1.5",
    };

    public string Date() => random.Next(8) switch
    {
        0 => Pick("infinity", "-infinity", "epoch"),
        1 => Pick("4714-11-24 BC", "5874897-12-31", "0001-01-01", "0001-12-31 BC", "10000-01-01", "2000-02-29"),
        2 => Day(random.Next(1, 4000)) + " BC",
        _ => Day(random.Next(1, 20_000)),
    };

    public string Timestamp() => random.Next(8) switch
    {
        0 => Pick("infinity", "-infinity", "epoch"),
        1 => Pick("4714-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2000-01-01 00:00:00.1"),
        var era => $"{Day(random.Next(1, era == 2 ? 4000 : 290_000))} {Time()}{(era == 2 ? " BC" : "")}",
    };

    public string TimestampTz() =>
        Timestamp() is var moment && moment.Contains(':') && !moment.Contains("BC") && !moment.StartsWith("294276", StringComparison.Ordinal)
        ? moment + Pick("", "+00", "-08", "+05:30", "-12:59")
        : moment;

    public string Time() =>
        $"{random.Next(24):00}:{random.Next(60):00}:{random.Next(60):00}{Pick("", ".5", "." + random.Next(1_000_000).ToString("000000"))}";

    public string Interval() => Pick(
        $"{random.Next(-500, 500)} months {random.Next(-50, 50)} days {random.Next(-90_000, 90_000)}.{random.Next(1_000_000):000000} seconds",
        $"{random.Next(-50, 50)} years", "0", "1 mon -1 day", "178000000 years", $"{random.Next(100)} days");

    public string Uuid() => new Guid([.. Enumerable.Range(0, 16).Select(_ => (byte)random.Next(256))]).ToString();

    public string Bytes() => "\\x" + string.Concat(Enumerable.Range(0, random.Next(20)).Select(_ => random.Next(256).ToString("x2")));

    public string Json(int depth = 3) => random.Next(depth > 0 ? 8 : 5) switch
    {
        0 => "null",
        1 => Pick("true", "false"),
        2 => Pick("0", "-0", "1.10", "1e5", "12345678901234567890", "-0.5E-3"),
        3 or 4 => JsonText(),
        5 => "[]",
        6 => $"[ {string.Join(" ,\n", Enumerable.Range(0, random.Next(4)).Select(_ => Json(depth - 1)))} ]",
        _ => $"{{{string.Join(", ", Enumerable.Range(0, random.Next(4)).Select(_ => $"{JsonText()} :{Json(depth - 1)}"))}}}",
    };

    /// <summary>An array literal over the element's literals: up to three dimensions, sometimes with bounds, with NULLs.</summary>
    public string Array(Func<string> element, char delimiter = ',')
    {
        if (random.Next(8) == 0)
        {
            return "{}";
        }

        var sizes = Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(1, 4)).ToArray();
        var bounds = random.Next(3) == 0
            ? string.Concat(sizes.Select(size => random.Next(-5, 6) is var lower ? $"[{lower}:{lower + size - 1}]" : "")) + "="
            : "";
        return bounds + Dimension(0);

        string Dimension(int level) => level == sizes.Length
            ? Element()
            : "{" + string.Join(delimiter, Enumerable.Range(0, sizes[level]).Select(_ => Dimension(level + 1))) + "}";

        string Element() => random.Next(6) == 0 ? "NULL" : "\"" + element().Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"";
    }

    private string JsonText()
    {
        var text = new StringBuilder("\"");
        foreach (var character in Text())
        {
            text.Append(character is '"' or '\\' or < ' ' ? $"\\u{(int)character:x4}" : character.ToString());
        }

        return text.Append('"').ToString();
    }

    private string Digits(int count) => string.Concat(Enumerable.Range(0, count).Select(_ => (char)('0' + random.Next(10))));

    private string Day(int year) => $"{year:0000}-{random.Next(1, 13):00}-{random.Next(1, 29):00}";

    private static string Invariant(long value) => value.ToString(CultureInfo.InvariantCulture);
}
