using System.Diagnostics.Metrics;
using SyncEngine.Delivery;
using SyncEngine.Planning;
using SyncEngine.LiveQueries;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine;

/// <summary>What the processor tells of itself. Read from other threads, so only numbers that housekeeping has published.</summary>
public sealed partial class ChangeProcessor
{
    private Counts counts = new(0, 0, 0, 0, 0, 0, 0, 0);

    public void Instrument()
    {
        metrics.Gauge("sync_streams", "Streams open.", () => Volatile.Read(ref counts).Streams);
        metrics.Gauge("sync_queue_bytes", "Bytes that wait for clients.", () => Volatile.Read(ref counts).QueueBytes);
        metrics.Gauge("sync_live_queries", "Results kept, each shared by its subscriptions.", () => Volatile.Read(ref counts).LiveQueries);
        metrics.Gauge("sync_reads_waiting", "Results waiting to be read.", () => Volatile.Read(ref counts).ReadsWaiting);
        metrics.Gauge("sync_unsettled_commits", "Commits that a snapshot may not see yet.", () => Volatile.Read(ref counts).UnsettledCommits);
        metrics.Gauge(
            "sync_subscriptions",
            "Subscriptions by tier.",
            () =>
            {
                var now = Volatile.Read(ref counts);
                return
                [
                    new Measurement<double>(now.Incremental, new KeyValuePair<string, object?>("mode", "incremental")),
                    new Measurement<double>(now.Probe, new KeyValuePair<string, object?>("mode", "probe")),
                    new Measurement<double>(now.Requery, new KeyValuePair<string, object?>("mode", "requery")),
                ];
            });
    }

    private void Count()
    {
        double incremental = 0, probe = 0, requery = 0;
        foreach (var query in queries.All)
        {
            switch (query.Plan.Tier.Mode)
            {
                case "incremental":
                    incremental += query.Subscriptions.Count;
                    break;
                case "probe":
                    probe += query.Subscriptions.Count;
                    break;
                default:
                    requery += query.Subscriptions.Count;
                    break;
            }
        }

        Volatile.Write(
            ref counts,
            new Counts(streams.Count, streams.All.Sum(stream => stream.Queue.CountedBytes), queries.All.Count, reader.WantedCount, log.Count, incremental, probe, requery));
    }

    private sealed record Counts(
        double Streams, double QueueBytes, double LiveQueries, double ReadsWaiting, double UnsettledCommits, double Incremental, double Probe, double Requery);
}
