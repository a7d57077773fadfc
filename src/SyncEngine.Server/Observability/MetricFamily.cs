using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace SyncEngine.Server.Observability;

/// <summary>All series of one name, as Prometheus reads them. How they are written differs by kind.</summary>
abstract class MetricFamily(string name, string? help)
{
    /// <summary>Series of one name; more share one with the label <c>overflow="true"</c>, so that a label that grows cannot take the memory.</summary>
    private const int MaxSeries = 2_000;

    private const string Overflow = "overflow=\"true\"";

    protected string Name => name;

    protected abstract string Type { get; }

    public abstract void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags);

    /// <summary>Before observable instruments are asked again: series that they no longer name are gone.</summary>
    public virtual void Forget()
    {
    }

    public void Write(StringBuilder text)
    {
        if (!string.IsNullOrEmpty(help))
        {
            text.Append("# HELP ").Append(name).Append(' ').Append(help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)).Append('\n');
        }

        text.Append("# TYPE ").Append(name).Append(' ').Append(Type).Append('\n');
        WriteSeries(text);
    }

    protected abstract void WriteSeries(StringBuilder text);

    protected static TSeries SeriesOf<TSeries>(ConcurrentDictionary<string, TSeries> series, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        where TSeries : new()
    {
        var labels = Labels(tags);
        return series.TryGetValue(labels, out var known) ? known : series.GetOrAdd(series.Count < MaxSeries ? labels : Overflow, _ => new TSeries());
    }

    protected static void WriteLine(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    protected static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf" : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>A name with the letters that Prometheus allows.</summary>
    public static string Clean(string name)
    {
        var clean = new StringBuilder(name);
        for (var at = 0; at < clean.Length; at++)
        {
            if (!char.IsAsciiLetterOrDigit(clean[at]) || (at == 0 && char.IsAsciiDigit(clean[at])))
            {
                clean[at] = '_';
            }
        }

        return clean.ToString();
    }

    private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.Length == 0)
        {
            return "";
        }

        var labels = new StringBuilder();
        var sorted = tags.ToArray();
        Array.Sort(sorted, (left, right) => string.CompareOrdinal(left.Key, right.Key));
        foreach (var (key, value) in sorted)
        {
            labels.Append(labels.Length > 0 ? "," : "").Append(Clean(key)).Append("=\"");
            foreach (var letter in Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")
            {
                _ = letter switch
                {
                    '\\' => labels.Append("\\\\"),
                    '"' => labels.Append("\\\""),
                    '\n' => labels.Append("\\n"),
                    _ => labels.Append(letter),
                };
            }

            labels.Append('"');
        }

        return labels.ToString();
    }
}

/// <summary>A number per series: a counter that is added to, or a gauge that is set.</summary>
sealed class NumberFamily(string name, string? help, bool isCounter, bool isObserved, bool isSum) : MetricFamily(name, help)
{
    private readonly ConcurrentDictionary<string, Cell> series = new(StringComparer.Ordinal);

    protected override string Type => isCounter ? "counter" : "gauge";

    public override void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var cell = SeriesOf(series, tags);
        if (isSum)
        {
            cell.Add(value);
        }
        else
        {
            cell.Set(value);
        }
    }

    public override void Forget()
    {
        if (isObserved)
        {
            series.Clear();
        }
    }

    protected override void WriteSeries(StringBuilder text)
    {
        foreach (var (labels, cell) in series.OrderBy(one => one.Key, StringComparer.Ordinal))
        {
            WriteLine(text, Name, labels, cell.Value);
        }
    }

    private sealed class Cell
    {
        private double value;

        public double Value => Volatile.Read(ref value);

        public void Set(double next) => Volatile.Write(ref value, next);

        public void Add(double more)
        {
            double seen;
            do
            {
                seen = Volatile.Read(ref value);
            }
            while (Interlocked.CompareExchange(ref value, seen + more, seen) != seen);
        }
    }
}

/// <summary>How often values fell below each boundary, their sum and their number.</summary>
sealed class HistogramFamily(string name, string? help, IReadOnlyList<double> boundaries) : MetricFamily(name, help)
{
    /// <summary>In seconds, for instruments that advise none.</summary>
    public static IReadOnlyList<double> DefaultBoundaries { get; } = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly ConcurrentDictionary<string, Buckets> series = new(StringComparer.Ordinal);

    protected override string Type => "histogram";

    public override void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var buckets = SeriesOf(series, tags);
        lock (buckets)
        {
            buckets.Counts ??= new long[boundaries.Count + 1];
            var at = 0;
            while (at < boundaries.Count && value > boundaries[at])
            {
                at++;
            }

            buckets.Counts[at]++;
            buckets.Sum += value;
        }
    }

    protected override void WriteSeries(StringBuilder text)
    {
        foreach (var (labels, buckets) in series.OrderBy(one => one.Key, StringComparer.Ordinal))
        {
            lock (buckets)
            {
                var separator = labels.Length > 0 ? "," : "";
                long count = 0;
                foreach (var (at, number) in (buckets.Counts ?? []).Index())
                {
                    count += number;
                    var bound = at < boundaries.Count ? boundaries[at] : double.PositiveInfinity;
                    WriteLine(text, $"{Name}_bucket", $"{labels}{separator}le=\"{Number(bound)}\"", count);
                }

                WriteLine(text, $"{Name}_sum", labels, buckets.Sum);
                WriteLine(text, $"{Name}_count", labels, count);
            }
        }
    }

    /// <summary>Changed under its own lock.</summary>
    private sealed class Buckets
    {
        public long[]? Counts { get; set; }

        public double Sum { get; set; }
    }
}
