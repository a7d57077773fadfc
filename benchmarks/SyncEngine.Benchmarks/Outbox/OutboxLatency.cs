using System.Globalization;
using SyncEngine.AblySimulator;
using SyncEngine.Benchmarks.Running;

namespace SyncEngine.Benchmarks.Outbox;

/// <summary>From the commit acknowledged to the message stored at the simulator, beside a notification that becomes one request.</summary>
internal sealed class OutboxLatency(BenchmarkContext context, OutboxRows rows)
{
    /// <summary>Written, and not counted among latencies.</summary>
    public const double WarmUpSeconds = 2;

    private static readonly (string Line, int Rate, int Channels)[] loads =
    [
        ("idle: 20 rows/s, one at a time", 20, 100),
        ("200 rows/s over 100 channels", 200, 100),
        ("1,000 rows/s over 100 channels", 1_000, 100),
    ];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        foreach (var (line, rate, channels) in loads.Where(load => context.Options.Includes(load.Line)))
        {
            await using var ably = await SimulatedAbly.StartAsync(new SimulatorOptions { KeepRequests = false });
            await rows.CreateAsync(cancellationToken);
            double[] bare;
            using (var requests = new BareRequests(ably, 16))
            await using (await BareNotifications.StartAsync(rows.ConnectionString, requests, cancellationToken))
            {
                bare = await MeasureAsync(ably, new RowWriter(rows.ConnectionString, OutboxRows.InsertBare, _ => "bare"), rate, context.Options.Seconds, cancellationToken);
            }

            await using var target = Throughput.Target(ably);
            await using var publishers = Publishers.Start(rows.ConnectionString, [target]);
            var measured = await MeasureAsync(ably, new RowWriter(rows.ConnectionString, OutboxRows.Insert, Channel), rate, context.Options.Seconds, cancellationToken);
            await publishers.StopAsync();
            var duration = TimeSpan.FromSeconds(WarmUpSeconds + context.Options.Seconds);
            context.Report.Add(new Figure($"{line}: NOTIFY, then one request", "", "", Text(bare)));
            context.Report.Add(new Figure(
                $"{line}: outbox", "", "", $"{Text(measured)}; {OutboxBenchmark.Cost(publishers.Work, (int)(rate * duration.TotalSeconds), duration)}", Shortfall: $"p50 {Statistics.Percentile(measured, 0.5) / Statistics.Percentile(bare, 0.5):0.0} × bare"));

            string Channel(int n) => $"channel:{(n % channels).ToString(CultureInfo.InvariantCulture)}";
        }
    }

    /// <summary>p50 / p95 / p99 in ms.</summary>
    public static string Text(IReadOnlyList<double> sorted) => string.Create(
        CultureInfo.InvariantCulture, $"{Statistics.Percentile(sorted, 0.5):0.0} / {Statistics.Percentile(sorted, 0.95):0.0} / {Statistics.Percentile(sorted, 0.99):0.0} ms");

    /// <summary>Milliseconds in ascending order, without the first seconds.</summary>
    public static async Task<double[]> MeasureAsync(SimulatedAbly ably, RowWriter writer, int rate, double seconds, CancellationToken cancellationToken)
    {
        var position = ably.ArrivalCount;
        var stored = ably.StoredCount;
        var acknowledged = await writer.RunAsync(rate, (int)((WarmUpSeconds + seconds) * rate), rate > 500 ? 8 : rate > 100 ? 4 : 1, cancellationToken);
        using (var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
        using (var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20)))
        {
            timeout.CancelAfter(TimeSpan.FromMinutes(1));
            while (ably.StoredCount - stored < acknowledged.Length)
            {
                await timer.WaitForNextTickAsync(timeout.Token);
            }
        }

        return
        [
            .. ably.Arrivals
                .Where(message => message.Position > position && message.Outcome == Outcome.Stored)
                .Select(message => (message.At, Number: int.Parse(message.Name!, CultureInfo.InvariantCulture)))
                .Where(message => message.Number >= WarmUpSeconds * rate)
                .Select(message => (message.At - acknowledged[message.Number]).TotalMilliseconds)
                .Order(),
        ];
    }
}
