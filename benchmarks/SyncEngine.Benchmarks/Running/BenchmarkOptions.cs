using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace SyncEngine.Benchmarks.Running;

/// <summary>Durations and repetitions of the benchmarks.</summary>
/// <param name="Rounds">Repetitions of a measurement; the median counts.</param>
/// <param name="Seconds">Length of one latency measurement.</param>
/// <param name="Only">Runs only the lines that contain this text.</param>
internal sealed record BenchmarkOptions(int Rounds = 3, int Seconds = 10, string Only = "")
{
    public const string Usage = "--rounds N] [--seconds N] [--only TEXT";

    public static bool TryParse(string[] arguments, [NotNullWhen(true)] out BenchmarkOptions? options)
    {
        options = new BenchmarkOptions();
        for (var i = 0; i < arguments.Length; i += 2)
        {
            if (i + 1 == arguments.Length)
            {
                return false;
            }

            var value = arguments[i + 1];
            var isNumber = int.TryParse(value, CultureInfo.InvariantCulture, out var number) && number > 0;
            switch (arguments[i])
            {
                case "--rounds" when isNumber:
                    options = options with { Rounds = number };
                    break;
                case "--seconds" when isNumber:
                    options = options with { Seconds = number };
                    break;
                case "--only":
                    options = options with { Only = value };
                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    public bool Includes(string line) => line.Contains(Only, StringComparison.OrdinalIgnoreCase);
}
