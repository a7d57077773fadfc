using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;
using SyncEngine.Observability;

namespace SyncEngine.Server.Observability;

/// <summary>Listens to the meters whose name begins with <c>SyncEngine</c> and writes them in the text format of Prometheus.</summary>
/// <remarks>
/// Source: https://prometheus.io/docs/instrumenting/exposition_formats/. Counters without <c>_total</c> get it. Instruments of one name are one family, of the
/// kind of the first. Stored: one number per series since the start; a series is at most forgotten when an observable instrument stops naming it.
/// </remarks>
sealed partial class PrometheusText : IDisposable
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly ConcurrentDictionary<string, MetricFamily> families = new(StringComparer.Ordinal);
    private readonly MeterListener listener = new();
    private readonly Lock scrape = new(); // observable instruments are asked by one reader at a time
    private readonly ILogger<PrometheusText> logger;

    /// <param name="meters">What the names of the meters begin with.</param>
    public PrometheusText(ILogger<PrometheusText> logger, string meters = EngineMetrics.MeterName)
    {
        this.logger = logger;
        listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith(meters, StringComparison.Ordinal))
            {
                listener.EnableMeasurementEvents(instrument, FamilyOf(instrument));
            }
        };
        listener.SetMeasurementEventCallback<double>((_, value, tags, family) => Record(value, tags, family));
        listener.SetMeasurementEventCallback<float>((_, value, tags, family) => Record(value, tags, family));
        listener.SetMeasurementEventCallback<decimal>((_, value, tags, family) => Record((double)value, tags, family));
        listener.SetMeasurementEventCallback<long>((_, value, tags, family) => Record(value, tags, family));
        listener.SetMeasurementEventCallback<int>((_, value, tags, family) => Record(value, tags, family));
        listener.SetMeasurementEventCallback<short>((_, value, tags, family) => Record(value, tags, family));
        listener.SetMeasurementEventCallback<byte>((_, value, tags, family) => Record(value, tags, family));
        listener.Start();
    }

    public string Write()
    {
        lock (scrape)
        {
            foreach (var family in families.Values)
            {
                family.Forget();
            }

            try
            {
                listener.RecordObservableInstruments();
            }
            catch (AggregateException exception)
            {
                // One gauge failed; the others have been asked.
                Log.GaugeFailed(logger, exception);
            }

            var text = new StringBuilder();
            foreach (var (_, family) in families.OrderBy(one => one.Key, StringComparer.Ordinal))
            {
                family.Write(text);
            }

            return text.ToString();
        }
    }

    public void Dispose() => listener.Dispose();

    private static void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? family) => ((MetricFamily)family!).Record(value, tags);

    private MetricFamily FamilyOf(Instrument instrument)
    {
        var kind = instrument.GetType().GetGenericTypeDefinition();
        var isCounter = kind == typeof(Counter<>) || kind == typeof(ObservableCounter<>);
        var name = MetricFamily.Clean(instrument.Name);
        if (isCounter && !name.EndsWith("_total", StringComparison.Ordinal))
        {
            name += "_total";
        }

        return families.GetOrAdd(
            name,
            _ => kind == typeof(Histogram<>)
                ? new HistogramFamily(name, instrument.Description, Boundaries(instrument) ?? HistogramFamily.DefaultBoundaries)
                : new NumberFamily(name, instrument.Description, isCounter, instrument.IsObservable, isSum: !instrument.IsObservable && kind != typeof(Gauge<>)));
    }

    private static IReadOnlyList<double>? Boundaries(Instrument instrument) => instrument switch
    {
        Histogram<double> histogram => histogram.Advice?.HistogramBucketBoundaries,
        Histogram<long> histogram => histogram.Advice?.HistogramBucketBoundaries?.Select(boundary => (double)boundary).ToList(),
        Histogram<int> histogram => histogram.Advice?.HistogramBucketBoundaries?.Select(boundary => (double)boundary).ToList(),
        _ => null,
    };

    private static partial class Log
    {
        [LoggerMessage(1401, LogLevel.Warning, "A gauge could not be read")]
        public static partial void GaugeFailed(ILogger logger, Exception exception);
    }
}
