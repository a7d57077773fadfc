using System.Globalization;
using System.Text.RegularExpressions;
using SyncEngine.Values;

namespace SyncEngine.Sql.Binding;

/// <summary>
/// The plain spellings of each type's values, which have one meaning at any time and under any setting. PostgreSQL reads many more
/// ('now', 'infinity', '1e3', '{…}' around a uuid); those are left to it.
/// </summary>
static class LiteralForms
{
    private const int MaxNumericDigits = 1000;

    public static bool IsPlain(string text, uint type) => type switch
    {
        TypeOid.Int2 or TypeOid.Int4 or TypeOid.Int8 => IsIntegerWithin(text, type),
        TypeOid.Numeric => text.Length <= MaxNumericDigits && LiteralPatterns.Numeric().IsMatch(text),
        TypeOid.Text or TypeOid.VarChar => true,
        TypeOid.Uuid => LiteralPatterns.Uuid().IsMatch(text),
        TypeOid.Bool => text is "t" or "f" or "true" or "false",
        TypeOid.Date => IsDate(text),
        TypeOid.Timestamp => IsTimestamp(text, allowZone: false),
        TypeOid.TimestampTz => IsTimestamp(text, allowZone: true),
        _ => false,
    };

    public static bool IsIntegerWithin(string text, uint type)
    {
        var (min, max) = ComparableTypes.RangeOf(type);
        return LiteralPatterns.Integer().IsMatch(text)
            && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            && value >= min
            && value <= max;
    }

    private static bool IsDate(string text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    private static bool IsTimestamp(string text, bool allowZone)
    {
        var match = LiteralPatterns.Timestamp().Match(text);
        return match.Success && IsDate(match.Groups["date"].Value) && (allowZone || !match.Groups["zone"].Success);
    }
}

static partial class LiteralPatterns
{
    private const string Date = "(?<date>[0-9]{4}-[0-9]{2}-[0-9]{2})";
    private const string Time = @"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?";
    private const string Zone = "(?<zone>Z|[+-](0[0-9]|1[0-4])(:[0-5][0-9])?)?";

    [GeneratedRegex(@"\A-?[0-9]{1,19}\z", RegexOptions.CultureInvariant)]
    public static partial Regex Integer();

    [GeneratedRegex(@"\A-?([0-9]+(\.[0-9]*)?|\.[0-9]+)\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    public static partial Regex Numeric();

    [GeneratedRegex(@"\A[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\z", RegexOptions.CultureInvariant)]
    public static partial Regex Uuid();

    [GeneratedRegex($@"\A{Date}([ T]{Time}{Zone})?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    public static partial Regex Timestamp();
}
