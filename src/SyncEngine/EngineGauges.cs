using System.Diagnostics.Metrics;
using SyncEngine.Tiers;

namespace SyncEngine;

/// <summary>The engine's gauges. Metrics are read from other threads, so they see the numbers of the last maintenance.</summary>
sealed class EngineGauges(EngineParts parts)
{
    private Counts counts = new(0, 0, 0, 0, 0, [.. TierPlan.Modes.Select(_ => 0.0)], [], 0);

    public void Register()
    {
        var metrics = parts.Context.Metrics;
        metrics.Gauge("sync_streams", "Streams open.", () => Volatile.Read(ref counts).Streams);
        metrics.Gauge("sync_queue_bytes", "Bytes that wait for clients.", () => Volatile.Read(ref counts).QueueBytes);
        metrics.Gauge("sync_live_queries", "Results kept, each shared by its subscriptions.", () => Volatile.Read(ref counts).LiveQueries);
        metrics.Gauge("sync_reads_waiting", "Results waiting to be read.", () => Volatile.Read(ref counts).ReadsWaiting);
        metrics.Gauge(
            "sync_unsettled_commits", "Commits that a snapshot may not see yet.", () => Volatile.Read(ref counts).CommitsOnRecord);
        metrics.Gauge("sync_subscriptions", "Subscriptions by tier.", () =>
        {
            var now = Volatile.Read(ref counts).SubscriptionsByMode;
            return TierPlan.Modes.Select((mode, i) => OfMode(now[i], mode));
        });
        metrics.Gauge("sync_tier_index_entries", "Values and row keys that lead from a change to results, by tier.", () =>
            Volatile.Read(ref counts).Tiers.Select(tier => OfMode(tier.Size.IndexEntries, tier.Mode)));
        metrics.Gauge("sync_result_bytes", "Bytes held for the rows of results, about.", () => Volatile.Read(ref counts).ResultBytes);
    }

    /// <summary>Counts on the loop, for the readers of the metrics.</summary>
    public void Publish()
    {
        var resultBytes = 0L;
        var byMode = new double[TierPlan.Modes.Length];
        foreach (var query in parts.Results.Queries.All)
        {
            resultBytes += query.Result.Bytes;
            byMode[TierPlan.Modes.IndexOf(query.Plan.Tier.Mode)] += query.Subscriptions.Count;
        }

        Volatile.Write(ref counts, new Counts(
            parts.Streams.Count,
            parts.Streams.All.Sum(stream => stream.Queue.CountedBytes),
            parts.Results.Queries.All.Count,
            parts.Queue.Count,
            parts.Context.Timeline.Commits.Count,
            byMode,
            [.. parts.Tiers.Measure()],
            resultBytes));
    }

    private static Measurement<double> OfMode(double value, string mode) => new(value, new KeyValuePair<string, object?>("mode", mode));

    private sealed record Counts(
        double Streams,
        double QueueBytes,
        double LiveQueries,
        double ReadsWaiting,
        double CommitsOnRecord,
        double[] SubscriptionsByMode,
        (string Mode, TierSize Size)[] Tiers,
        double ResultBytes);
}
