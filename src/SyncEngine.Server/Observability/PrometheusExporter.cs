using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace SyncEngine.Server.Observability;

/// <summary>Exports the metrics of the OpenTelemetry SDK as Prometheus text, whenever a scrape asks for it.</summary>
/// <remarks>
/// The SDK aggregates; this class only writes. The text names every instrument, also those without a series yet, so <see cref="Add"/> has
/// to see each of them. Stored: the families. Concurrent scrapes run one after the other, because observable instruments are read by
/// one reader at a time.
/// </remarks>
[ExportModes(ExportModes.Pull)]
sealed class PrometheusExporter : BaseExporter<Metric>, IPullMetricExporter
{
    private readonly ConcurrentDictionary<string, MetricFamily> families = new(StringComparer.Ordinal);
    private readonly Lock scrape = new();
    private string text = "";

    /// <summary>Set by the reader that this exporter is given to.</summary>
    public Func<int, bool>? Collect { get; set; }

    /// <summary>Adds the family of an instrument. The first instrument of a name decides help and type.</summary>
    public void Add(Instrument instrument)
    {
        var family = MetricFamily.Of(instrument);
        families.TryAdd(family.Name, family);
    }

    /// <summary>The present values in the text format of Prometheus.</summary>
    public string Scrape()
    {
        lock (scrape)
        {
            text = "";
            var isCollected = Collect?.Invoke(Timeout.Infinite) ?? false;
            return isCollected ? text : PrometheusText.Write(families.Values, []);
        }
    }

    public override ExportResult Export(in Batch<Metric> batch)
    {
        var metrics = new List<Metric>();
        foreach (var metric in batch)
        {
            metrics.Add(metric);
        }

        text = PrometheusText.Write(families.Values, metrics);
        return ExportResult.Success;
    }
}
