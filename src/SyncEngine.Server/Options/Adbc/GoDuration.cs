using System.Globalization;
using System.Text.RegularExpressions;

namespace SyncEngine.Server.Options.Adbc;

/// <summary>
/// Durations as Go writes them: <c>500ms</c>, <c>1s</c>, <c>1m30s</c>, <c>1.5h</c>. A bare number is refused: Go would take it for
/// nanoseconds.
/// </summary>
/// <remarks>Source: https://pkg.go.dev/time#ParseDuration</remarks>
static partial class GoDuration
{
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        text = text.Trim();
        if (!Form().IsMatch(text))
        {
            return Options.Duration.TryParse(text, out duration);
        }

        var ticks = 0.0;
        foreach (Match part in Part().Matches(text))
        {
            var number = double.Parse(part.Groups[1].Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
            ticks += number * Unit(part.Groups[2].Value);
        }

        if (ticks > TimeSpan.FromDays(10_000).Ticks)
        {
            return false;
        }

        duration = TimeSpan.FromTicks((long)ticks);
        return true;
    }

    private static double Unit(string name) => name switch
    {
        "h" => TimeSpan.TicksPerHour,
        "m" => TimeSpan.TicksPerMinute,
        "s" => TimeSpan.TicksPerSecond,
        "ms" => TimeSpan.TicksPerMillisecond,
        "ns" => 1.0 / TimeSpan.NanosecondsPerTick,
        _ => TimeSpan.TicksPerMicrosecond,
    };

    [GeneratedRegex(
        @"^((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Form();

    [GeneratedRegex(@"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Part();
}
