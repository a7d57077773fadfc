using System.Diagnostics.Metrics;

namespace SyncEngine.Connectors.Outbox;

/// <summary>The outbox's instruments.</summary>
public sealed class OutboxMetrics : IDisposable
{
    public const string MeterName = "SyncEngine.Outbox";

    private readonly Meter meter = new(MeterName);

    public OutboxMetrics()
    {
        Published = meter.CreateCounter<long>("sync_outbox_published_total", description: "Messages stored at their target.");
        Retries = meter.CreateCounter<long>(
            "sync_outbox_retries_total", description: "Failed attempts that are made again, by target and code.");
        DeadLetters = meter.CreateCounter<long>(
            "sync_dead_letters_total", description: "Messages moved to sync.dead_letters, by target and code.");
        Renumbered = meter.CreateCounter<long>(
            "sync_outbox_renumbered_total", description: "Rows that became visible after a higher id and got a fresh one.");
        Rounds = meter.CreateCounter<long>("sync_outbox_rounds_total", description: "Polls of the outbox.");
        RoundTime = meter.CreateHistogram<double>(
            "sync_outbox_round_seconds", unit: "s", description: "Duration of a round, from its beginning to its commit.");
        Statements = meter.CreateCounter<long>(
            "sync_outbox_statements_total", description: "Statements sent to the outbox's database, BEGIN and COMMIT included.");
        Lag = meter.CreateHistogram<double>(
            "sync_outbox_publish_seconds", unit: "s", description: "From taking a row until its message is stored at the target.");
    }

    public Counter<long> Published { get; }

    public Counter<long> Retries { get; }

    public Counter<long> DeadLetters { get; }

    public Counter<long> Renumbered { get; }

    public Counter<long> Rounds { get; }

    public Histogram<double> RoundTime { get; }

    public Counter<long> Statements { get; }

    public Histogram<double> Lag { get; }

    public void Gauge(string name, string description, Func<double> value) =>
        meter.CreateObservableGauge(name, value, description: description);

    public void Dispose() => meter.Dispose();
}
