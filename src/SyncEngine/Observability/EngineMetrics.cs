using System.Diagnostics.Metrics;

namespace SyncEngine.Observability;

/// <summary>The engine's instruments. The host serves them as Prometheus text and over OTLP.</summary>
public sealed class EngineMetrics : IDisposable
{
    public const string MeterName = "SyncEngine";

    private readonly Meter meter = new(MeterName);

    public EngineMetrics()
    {
        Transactions = meter.CreateCounter<long>("sync_transactions_total", description: "Committed transactions processed.");
        Changes = meter.CreateCounter<long>("sync_changes_total", description: "Row changes matched against live queries.");
        Diffs = meter.CreateCounter<long>("sync_diffs_total", description: "Diffs produced, each shared by all streams that get it.");
        Cuts = meter.CreateCounter<long>("sync_cuts_total", description: "Cuts sent to streams.");
        Reads = meter.CreateCounter<long>(
            "sync_reads_total",
            description: "Results read from PostgreSQL, by the plan's mode and the reason: first, changed (a requery), "
                + "again (for a new subscriber, the clock or the audit).");
        ReadRetries = meter.CreateCounter<long>(
            "sync_read_retries_total",
            description: "Reads that were repeated, because their snapshot was not a prefix of the stream.");
        Resets = meter.CreateCounter<long>(
            "sync_resets_total",
            description: "Resets sent to subscriptions, whose clients then drop their rows.");
        Stalls = meter.CreateCounter<long>(
            "sync_stalled_streams_total",
            description: "Streams closed because their client stopped reading.");
        AuditMismatches = meter.CreateCounter<long>(
            "sync_audit_mismatches_total",
            description: "Live results that differed from PostgreSQL and were repaired.");
        Epochs = meter.CreateCounter<long>(
            "sync_epochs_total",
            description: "Times every result was read again because commits may have been missed.");
        FramesSent = meter.CreateCounter<long>("sync_frames_total", description: "Frames offered to streams.");
    }

    public Counter<long> Transactions { get; }

    public Counter<long> Changes { get; }

    public Counter<long> Diffs { get; }

    public Counter<long> Cuts { get; }

    public Counter<long> Reads { get; }

    public Counter<long> ReadRetries { get; }

    public Counter<long> Resets { get; }

    public Counter<long> Stalls { get; }

    public Counter<long> AuditMismatches { get; }

    public Counter<long> Epochs { get; }

    public Counter<long> FramesSent { get; }

    public void Gauge(string name, string description, Func<double> value) =>
        meter.CreateObservableGauge(name, value, description: description);

    public void Gauge(string name, string description, Func<IEnumerable<Measurement<double>>> values) =>
        meter.CreateObservableGauge(name, values, description: description);

    public void Dispose() => meter.Dispose();
}
