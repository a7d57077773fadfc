using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace SyncEngine.Server.Options;

/// <summary>
/// Durations as people write them: <c>500 ms</c>, <c>10 s</c>, <c>2 min</c>, <c>1 h</c>, <c>1 d</c>, or <c>hh:mm:ss</c>.
/// A bare number is refused, because .NET would take "10" for ten days.
/// </summary>
static class Duration
{
    private static readonly (string Unit, TimeSpan Length)[] units =
        [("d", TimeSpan.FromDays(1)), ("h", TimeSpan.FromHours(1)), ("min", TimeSpan.FromMinutes(1)), ("m", TimeSpan.FromMinutes(1)), ("ms", TimeSpan.FromMilliseconds(1)), ("s", TimeSpan.FromSeconds(1))];

    public static bool TryParse(string text, out TimeSpan duration)
    {
        text = text.Trim();
        if (text.Contains(':', StringComparison.Ordinal))
        {
            return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration);
        }

        var digits = text.AsSpan().IndexOfAnyExcept("0123456789.");
        duration = default;
        if (digits <= 0 || !double.TryParse(text.AsSpan(0, digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        var name = text[digits..].TrimStart();
        foreach (var (unit, length) in units)
        {
            if (string.Equals(unit, name, StringComparison.OrdinalIgnoreCase) && number * length.TotalDays < 10_000)
            {
                duration = number * length;
                return true;
            }
        }

        return false;
    }

    public static TimeSpan Parse(string text) => TryParse(text, out var duration) ? duration : throw new FormatException($"\"{text}\" is not a duration");

    /// <summary>In the largest unit that leaves a whole number.</summary>
    public static string Format(TimeSpan duration)
    {
        foreach (var (unit, length) in units)
        {
            if (!string.Equals(unit, "m", StringComparison.Ordinal) && !string.Equals(unit, "ms", StringComparison.Ordinal) && duration != TimeSpan.Zero && duration.Ticks % length.Ticks == 0)
            {
                return $"{duration.Ticks / length.Ticks} {unit}";
            }
        }

        return duration == TimeSpan.Zero ? "0 s" : $"{duration.TotalMilliseconds} ms";
    }
}

/// <summary>The bounds of a duration, both allowed, written as in <see cref="Duration"/>.</summary>
[AttributeUsage(AttributeTargets.Property)]
sealed class DurationAttribute(string least, string most) : ValidationAttribute
{
    public override bool IsValid(object? value) => value is TimeSpan duration && duration >= Duration.Parse(least) && duration <= Duration.Parse(most);

    public override string FormatErrorMessage(string name) => $"must be between {least} and {most}";
}
