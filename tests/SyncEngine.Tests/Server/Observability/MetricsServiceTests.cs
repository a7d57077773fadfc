using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using SyncEngine.Observability;
using SyncEngine.Server.Observability;
using Xunit;

namespace SyncEngine.Tests.Server.Observability;

public sealed class MetricsServiceTests : IDisposable
{
    private readonly Meter meter;
    private readonly MetricsService metrics;

    public MetricsServiceTests()
    {
        // A listener hears every meter of the process; a name of its own keeps tests apart.
        var name = $"SyncEngine.Tests.{Guid.NewGuid()}";
        meter = new Meter(name);
        metrics = new MetricsService(meter: name);
    }

    [Fact]
    public void Counters_add_up_per_series_and_gauges_hold_the_last()
    {
        var counter = meter.CreateCounter<long>("reads_total", description: "Reads, by why.");
        var current = meter.CreateUpDownCounter<int>("open.streams");
        var gauge = meter.CreateGauge<double>("ratio");
        counter.Add(2, Tag("why", "first"));
        counter.Add(3, Tag("why", "first"));
        counter.Add(1, Tag("why", "audit"));
        current.Add(5);
        current.Add(-2);
        gauge.Record(0.5);
        gauge.Record(0.25);

        Expect("""
            # TYPE open_streams gauge
            open_streams 3
            # TYPE ratio gauge
            ratio 0.25
            # HELP reads_total Reads, by why.
            # TYPE reads_total counter
            reads_total{why="audit"} 1
            reads_total{why="first"} 5
            """);
    }

    [Fact]
    public void Histograms_count_cumulatively_up_to_each_boundary()
    {
        var histogram = meter.CreateHistogram(
            "read_seconds", null, "How long.", null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        foreach (var value in (double[])[0.125, 0.1, 0.0625, 5])
        {
            histogram.Record(value, Tag("mode", "requery"));
        }

        Expect("""
            # HELP read_seconds How long.
            # TYPE read_seconds histogram
            read_seconds_bucket{mode="requery",le="0.1"} 2
            read_seconds_bucket{mode="requery",le="1"} 3
            read_seconds_bucket{mode="requery",le="+Inf"} 4
            read_seconds_sum{mode="requery"} 5.2875
            read_seconds_count{mode="requery"} 4
            """);
    }

    [Fact]
    public void Labels_and_help_are_escaped_and_labels_have_one_order()
    {
        var counter = meter.CreateCounter<int>("odd", description: "a \\ and\na line");
        counter.Add(1, Tag("b", "say \"hi\"\n\\o/"), Tag("a.key", null));
        counter.Add(1, Tag("a.key", null), Tag("b", "say \"hi\"\n\\o/"));

        Expect("""
            # HELP odd_total a \\ and\na line
            # TYPE odd_total counter
            odd_total{a_key="",b="say \"hi\"\n\\o/"} 2
            """);
    }

    [Fact]
    public void Observable_instruments_are_asked_each_time_and_forget_series_that_they_no_longer_name()
    {
        List<Measurement<double>> slots = [new(1, Tag("slot", "a")), new(double.PositiveInfinity, Tag("slot", "b"))];
        meter.CreateObservableGauge("lag_bytes", () => slots);
        meter.CreateObservableCounter("seen_total", () => 7L);

        Expect("# TYPE lag_bytes gauge\nlag_bytes{slot=\"a\"} 1\nlag_bytes{slot=\"b\"} +Inf\n# TYPE seen_total counter\nseen_total 7");
        slots.RemoveAt(0);
        Expect("# TYPE lag_bytes gauge\nlag_bytes{slot=\"b\"} +Inf\n# TYPE seen_total counter\nseen_total 7");
    }

    [Fact]
    public void A_gauge_that_fails_is_logged_and_does_not_stop_the_others()
    {
        var log = new LogLines();
        using var warnings = new TelemetryWarnings(log);
        meter.CreateObservableGauge("broken", (Func<int>)(() => throw new InvalidOperationException("no value today")));
        meter.CreateObservableGauge("whole", () => 1);

        Assert.Contains("whole 1\n", metrics.Scrape(), StringComparison.Ordinal);
        Assert.Contains(log.Lines, line => line.Contains("no value today", StringComparison.Ordinal));
    }

    [Fact]
    public void Meters_that_are_not_the_engines_cause_no_warning()
    {
        var log = new LogLines();
        using var warnings = new TelemetryWarnings(log);
        using var other = new Meter($"Another.{Guid.NewGuid()}");
        other.CreateCounter<long>("requests").Add(1);
        meter.CreateGauge<int>("whole").Record(1);

        Assert.Contains("whole 1\n", metrics.Scrape(), StringComparison.Ordinal);
        Assert.DoesNotContain(log.Lines, line => line.Contains(other.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void An_instrument_without_a_series_is_named()
    {
        meter.CreateCounter<long>("stalls", description: "Streams closed.");

        Expect("# HELP stalls_total Streams closed.\n# TYPE stalls_total counter");
    }

    [Fact]
    public void A_histogram_without_boundaries_of_its_own_counts_seconds()
    {
        meter.CreateHistogram<double>("round_seconds").Record(0.02);

        var text = metrics.Scrape();
        Assert.Contains("round_seconds_bucket{le=\"0.01\"} 0\nround_seconds_bucket{le=\"0.025\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("round_seconds_bucket{le=\"10\"} 1\nround_seconds_bucket{le=\"+Inf\"} 1\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Series_beyond_a_bound_share_one()
    {
        var counter = meter.CreateCounter<int>("many_total");
        for (var i = 0; i < 5_000; i++)
        {
            counter.Add(1, Tag("i", i));
        }

        var text = metrics.Scrape();
        Assert.Contains("many_total{overflow=\"true\"} 3000\n", text, StringComparison.Ordinal);
        Assert.Equal(2_002, text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void The_instruments_of_the_engine_and_the_process_are_heard()
    {
        using var all = new MetricsService();
        using var engine = new EngineMetrics();
        using var process = new ProcessMetrics(new ManualTime());
        engine.Reads.Add(1, Tag("why", "first"));

        var text = all.Scrape();
        Assert.Contains("sync_reads_total{why=\"first\"} ", text, StringComparison.Ordinal);
        Assert.Contains("process_resident_memory_bytes ", text, StringComparison.Ordinal);
        Assert.Contains("dotnet_gc_collections_total{generation=\"2\"} ", text, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        metrics.Dispose();
        meter.Dispose();
    }

    private void Expect(string text) => Assert.Equal(text + "\n", metrics.Scrape());

    private static KeyValuePair<string, object?> Tag(string key, object? value) => new(key, value);

    private sealed class LogLines : ILogger<TelemetryWarnings>
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));
    }
}
