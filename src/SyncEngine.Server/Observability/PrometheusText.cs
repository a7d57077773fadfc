using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace SyncEngine.Server.Observability;

/// <summary>Writes metrics in the text format of Prometheus: families by name, the series of a family by their labels.</summary>
/// <remarks>Source: https://prometheus.io/docs/instrumenting/exposition_formats/.</remarks>
static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>
    /// The SDK's label of the series that takes the values of all series beyond the bound. It is written as <c>overflow</c>.
    /// </summary>
    private const string SdkOverflow = "otel.metric.overflow";

    public static string Write(IEnumerable<MetricFamily> families, IReadOnlyCollection<Metric> metrics)
    {
        var byName = metrics.ToLookup(NameOf, StringComparer.Ordinal);
        var text = new StringBuilder();
        foreach (var family in families.OrderBy(family => family.Name, StringComparer.Ordinal))
        {
            WriteHeader(text, family);
            var series = byName[family.Name].SelectMany(metric => SeriesOf(family, metric));
            foreach (var (_, lines) in series.OrderBy(series => series.Labels, StringComparer.Ordinal))
            {
                text.Append(lines);
            }
        }

        return text.ToString();
    }

    private static string NameOf(Metric metric) =>
        MetricFamily.NameOf(metric.Name, metric.MetricType is MetricType.LongSum or MetricType.DoubleSum);

    private static void WriteHeader(StringBuilder text, MetricFamily family)
    {
        if (!string.IsNullOrEmpty(family.Help))
        {
            var help = family.Help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
            text.Append("# HELP ").Append(family.Name).Append(' ').Append(help).Append('\n');
        }

        text.Append("# TYPE ").Append(family.Name).Append(' ').Append(family.Type).Append('\n');
    }

    private static List<(string Labels, string Lines)> SeriesOf(MetricFamily family, Metric metric)
    {
        var series = new List<(string Labels, string Lines)>();
        foreach (ref readonly var point in metric.GetMetricPoints())
        {
            var labels = LabelsOf(point.Tags);
            var lines = new StringBuilder();
            if (metric.MetricType == MetricType.Histogram)
            {
                WriteHistogram(lines, family.Name, labels, point);
            }
            else
            {
                WriteLine(lines, family.Name, labels, ValueOf(metric.MetricType, point));
            }

            series.Add((labels, lines.ToString()));
        }

        return series;
    }

    private static double ValueOf(MetricType type, in MetricPoint point) => type switch
    {
        MetricType.LongSum or MetricType.LongSumNonMonotonic => point.GetSumLong(),
        MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic => point.GetSumDouble(),
        MetricType.LongGauge => point.GetGaugeLastValueLong(),
        MetricType.DoubleGauge => point.GetGaugeLastValueDouble(),
        _ => throw new NotSupportedException($"no metric of type {type} is configured"),
    };

    private static void WriteHistogram(StringBuilder text, string name, string labels, in MetricPoint point)
    {
        var separator = labels.Length > 0 ? "," : "";
        long count = 0;
        foreach (var bucket in point.GetHistogramBuckets())
        {
            count += bucket.BucketCount;
            WriteLine(text, $"{name}_bucket", $"{labels}{separator}le=\"{Number(bucket.ExplicitBound)}\"", count);
        }

        WriteLine(text, $"{name}_sum", labels, point.GetHistogramSum());
        WriteLine(text, $"{name}_count", labels, count);
    }

    private static void WriteLine(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    private static string LabelsOf(ReadOnlyTagCollection tags)
    {
        var sorted = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in tags)
        {
            if (key == SdkOverflow)
            {
                sorted["overflow"] = "true";
            }
            else
            {
                sorted[key] = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
            }
        }

        return string.Join(',', sorted.Select(label => $"{MetricFamily.Clean(label.Key)}=\"{Escape(label.Value)}\""));
    }

    private static string Escape(string value) => value
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);
}
