using System.Globalization;
using SyncEngine.AblySimulator;
using SyncEngine.Benchmarks.Running;

namespace SyncEngine.Benchmarks.Outbox;

/// <summary>
/// One channel that its target refuses, with many rows waiting: the cost of polling past them, and the delay of other channels.
/// </summary>
internal sealed class HeldBacklog(BenchmarkContext context, OutboxRows rows)
{
    private const int Held = 200_000;
    private const int Rate = 20;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var line = $"{Held.ToString("N0", CultureInfo.InvariantCulture)} rows of a blocked channel";
        if (!context.Options.Includes(line))
        {
            return;
        }

        await using var ably = await SimulatedAbly.StartAsync(new SimulatorOptions { KeepRequests = false });
        ably.Inject(new Fault.Refuse(429, 42910), "held");
        await rows.CreateAsync(cancellationToken);
        await using var target = Throughput.Target(ably);
        await using var publishers = Publishers.Start(rows.ConnectionString, [target]);
        await MeasureAsync(publishers, ably, "before them", cancellationToken);
        await rows.FillAsync(Held, "'held'", cancellationToken);
        await MeasureAsync(publishers, ably, "another channel beside them", cancellationToken);
        await rows.ExecuteAsync("ANALYZE public.outbox", cancellationToken);
        await MeasureAsync(publishers, ably, "and when the table has been analysed", cancellationToken);
        await publishers.StopAsync();

        async Task MeasureAsync(Publishers measured, SimulatedAbly simulator, string what, CancellationToken token)
        {
            measured.ResetCounts();
            var duration = TimeSpan.FromSeconds(OutboxLatency.WarmUpSeconds + context.Options.Seconds);
            var latencies = await OutboxLatency.MeasureAsync(simulator, new RowWriter(rows.ConnectionString, OutboxRows.Insert, _ => "free"), Rate, context.Options.Seconds, token);
            context.Report.Add(new Figure($"{line}: {what}", "", "", $"{OutboxLatency.Text(latencies)}; {OutboxBenchmark.Cost(measured.Work, (int)(duration.TotalSeconds * Rate), duration)}"));
        }
    }
}
