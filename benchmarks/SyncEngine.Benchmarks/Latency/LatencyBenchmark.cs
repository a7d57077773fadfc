using SyncEngine.Benchmarks.Running;

namespace SyncEngine.Benchmarks.Latency;

/// <summary>From the commit acknowledged to the row in a client's hands.</summary>
internal sealed class LatencyBenchmark : IBenchmark
{
    private static readonly (string Line, LatencyRun Run, string Zero, double P50, double P99)[] loads =
    [
        ("1 client, 200 commits/s", new LatencyRun(1, 1, 200), "4.7 / 12 / 17", 1, 5),
        ("1 client, 1,000 commits/s", new LatencyRun(1, 1, 1000), "20 / 117 / 200", 1, 8),
        ("1 client, 2,000 commits/s", new LatencyRun(1, 1, 2000), "1133 / – / 1561, falls behind", 2, 15),
        ("100 clients, 200 commits/s over their rooms", new LatencyRun(100, 100, 200), "89 / 155 / 206", 2, 10),
        ("100 clients, 1,000 commits/s over their rooms", new LatencyRun(100, 100, 1000), "", double.NaN, double.NaN),
        ("500 clients, 200 commits/s over their rooms", new LatencyRun(500, 500, 200), "5541 / – / 12970", 3, 15),
        ("200 clients in one room, 20 commits/s", new LatencyRun(200, 1, 20), "446 / – / 669, 3660–3910 of 4000/s", 5, 15),
    ];

    public string Name => "latency";

    public string Summary => "commit acknowledged to row received (p50 / p95 / p99 ms), bare clients; beside it Zero with a bare client";

    public async Task RunAsync(BenchmarkContext context, CancellationToken cancellationToken)
    {
        await new MessageTable(context.Address().ConnectionString).CreateAsync(cancellationToken);
        using var http = new HttpClient();
        await using var server = await ServerProcess.StartAsync(context.DatabaseUrl, cancellationToken);
        await server.BecomeReadyAsync(http, cancellationToken);
        // The first run pays for compiling the server's code.
        _ = await new LatencyRun(20, 1, 200).MeasureAsync(context, server, http, cancellationToken);
        foreach (var (line, run, zero, p50, p99) in loads.Where(load => context.Options.Includes(load.Line)))
        {
            List<LatencyResult> results = [];
            for (var round = 0; round < context.Options.Rounds; round++)
            {
                results.Add(await run.MeasureAsync(context, server, http, cancellationToken));
            }

            context.Report.Add(Figure(line, LatencyResult.Median(results), run, zero, p50, p99));
        }
    }

    /// <param name="p50">The goal; not a number for none.</param>
    public static Figure Figure(string line, LatencyResult result, LatencyRun run, string other, double p50, double p99)
    {
        var measured = $"{result}; {result.CommitRate:N0} commits/s, {result.ProcessorMicrosecondsPerCommit:N0} µs of server CPU per commit";
        if (!result.IsComplete)
        {
            measured += $"; {result.Delivered:N0} of {result.Due:N0} came";
        }

        if (double.IsNaN(p50))
        {
            return new Figure(line, other, "", measured);
        }

        List<string> shortfalls = [];
        if (result.P50 > p50)
        {
            shortfalls.Add($"p50 by {result.P50 - p50:0.0} ms");
        }

        if (result.P99 > p99)
        {
            shortfalls.Add($"p99 by {result.P99 - p99:0.0} ms");
        }

        if (!result.IsComplete)
        {
            shortfalls.Add("not everything came");
        }

        if (result.CommitRate < run.Rate * 0.95)
        {
            shortfalls.Add("the writer did not reach the rate");
        }

        return new Figure(line, other, $"≤ {p50} / – / {p99}", measured, shortfalls.Count == 0, string.Join(", ", shortfalls));
    }
}
