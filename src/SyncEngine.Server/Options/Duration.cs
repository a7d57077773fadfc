using System.Globalization;

namespace SyncEngine.Server.Options;

/// <summary>
/// Durations as people write them: <c>500 ms</c>, <c>10 s</c>, <c>2 min</c>, <c>1 h</c>, <c>1 d</c>, or <c>hh:mm:ss</c>.
/// A bare number is refused, because .NET would take "10" for ten days.
/// </summary>
static class Duration
{
    /// <summary>From large to small; of two names of a unit the first is written.</summary>
    private static readonly (string Name, TimeSpan Length)[] units =
    [
        ("d", TimeSpan.FromDays(1)),
        ("h", TimeSpan.FromHours(1)),
        ("min", TimeSpan.FromMinutes(1)),
        ("m", TimeSpan.FromMinutes(1)),
        ("s", TimeSpan.FromSeconds(1)),
        ("ms", TimeSpan.FromMilliseconds(1)),
    ];

    private static readonly TimeSpan longest = TimeSpan.FromDays(10_000);

    public static bool TryParse(string text, out TimeSpan duration)
    {
        text = text.Trim();
        if (text.Contains(':', StringComparison.Ordinal))
        {
            return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration);
        }

        duration = default;
        var end = text.AsSpan().IndexOfAnyExcept("0123456789.");
        if (end <= 0 || !double.TryParse(text.AsSpan(0, end), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        var name = text[end..].TrimStart();
        var length = units.FirstOrDefault(unit => string.Equals(unit.Name, name, StringComparison.OrdinalIgnoreCase)).Length;
        if (length == default || number * length.TotalDays >= longest.TotalDays)
        {
            return false;
        }

        duration = number * length;
        return true;
    }

    /// <summary>Writes a duration in the largest unit that leaves a whole number; shorter than a second, in milliseconds.</summary>
    public static string Format(TimeSpan duration)
    {
        var second = TimeSpan.FromSeconds(1);
        var (name, length) = units.FirstOrDefault(unit => unit.Length >= second && duration.Ticks % unit.Length.Ticks == 0);
        return duration == TimeSpan.Zero ? "0 s"
            : name is null ? $"{duration.TotalMilliseconds} ms"
            : $"{duration.Ticks / length.Ticks} {name}";
    }
}
