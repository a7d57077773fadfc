using System.Diagnostics.Metrics;

namespace SyncEngine.Server.Observability;

/// <summary>All series of one name, as Prometheus reads them.</summary>
/// <param name="Name">With the letters that Prometheus allows; of a counter with the ending <c>_total</c>.</param>
/// <param name="Type"><c>counter</c>, <c>gauge</c> or <c>histogram</c>.</param>
/// <param name="Help">Null or empty for none.</param>
sealed record MetricFamily(string Name, string Type, string? Help)
{
    private const string CounterEnding = "_total";

    public static MetricFamily Of(Instrument instrument)
    {
        var kind = instrument.GetType().GetGenericTypeDefinition();
        var type = kind == typeof(Counter<>) || kind == typeof(ObservableCounter<>) ? "counter"
            : kind == typeof(Histogram<>) ? "histogram"
            : "gauge";
        return new MetricFamily(NameOf(instrument.Name, isCounter: type is "counter"), type, instrument.Description);
    }

    public static string NameOf(string name, bool isCounter)
    {
        var clean = Clean(name);
        return isCounter && !clean.EndsWith(CounterEnding, StringComparison.Ordinal) ? clean + CounterEnding : clean;
    }

    /// <summary>A name with the letters that Prometheus allows.</summary>
    public static string Clean(string name) => string.Create(name.Length, name, static (clean, name) =>
    {
        for (var at = 0; at < clean.Length; at++)
        {
            clean[at] = char.IsAsciiLetter(name[at]) || (at > 0 && char.IsAsciiDigit(name[at])) ? name[at] : '_';
        }
    });
}
