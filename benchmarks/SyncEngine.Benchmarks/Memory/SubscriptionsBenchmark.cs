using System.Diagnostics;
using SyncEngine.Benchmarks.Clients;
using SyncEngine.Benchmarks.Latency;
using SyncEngine.Benchmarks.Running;

namespace SyncEngine.Benchmarks.Memory;

/// <summary>100,000 registered <c>column = $1</c> subscriptions with distinct values: what they cost, and what the latency is beside them.</summary>
internal sealed class SubscriptionsBenchmark : IBenchmark
{
    private const int Count = 100_000;
    private const int Streams = 10;
    private const double GoalKilobytes = 0.5;

    public string Name => "subscriptions";

    public string Summary => $"{Count:N0} subscriptions to distinct values of one column; latency beside them";

    public async Task RunAsync(BenchmarkContext context, CancellationToken cancellationToken)
    {
        await new MessageTable(context.Address().ConnectionString).CreateAsync(cancellationToken);
        using var http = new HttpClient();
        await using var server = await ServerProcess.StartAsync(context.DatabaseUrl, cancellationToken);
        await server.BecomeReadyAsync(http, cancellationToken);
        var api = new SubscribeApi(http, server.Address);
        // The server's code is compiled, and its pools are filled, before memory is compared. Values of no author, which no client streams.
        _ = await api.SubscribeEachAsync(MessageTable.OfAuthor, [.. Enumerable.Range(-4000, 4000)], cancellationToken);
        var idle = await server.SettledBytesAsync(cancellationToken);

        var began = Stopwatch.GetTimestamp();
        var ids = await api.SubscribeEachAsync(MessageTable.OfAuthor, [.. Enumerable.Range(1, Count)], cancellationToken);
        var took = Stopwatch.GetElapsedTime(began);
        context.Report.Add(new Figure("registering them, one HTTP request each", "", "", $"{took.TotalSeconds:N1} s, {Count / took.TotalSeconds:N0}/s"));
        Memory("bytes per registered subscription", await server.SettledBytesAsync(cancellationToken));
        await LatencyAsync("1 client, 1,000 commits/s beside them", new LatencyRun(1, 1, 1000), "20 / 117 / 200 alone", 1, 8);
        await LatencyAsync("100 clients, 1,000 commits/s beside them", new LatencyRun(100, 100, 1000), "", double.NaN, double.NaN);

        await using var fleet = new Fleet();
        var receipts = new Receipts[Streams];
        began = Stopwatch.GetTimestamp();
        for (var i = 0; i < Streams; i++)
        {
            receipts[i] = new Receipts();
            var client = await fleet.AddAsync(server.Address, receipts[i].Handler, cancellationToken);
            await client.OpenAsync(cancellationToken);
        }

        await Task.WhenAll(fleet.Clients.Select((client, i) => client.AttachAsync(ids[(i * (Count / Streams))..((i + 1) * (Count / Streams))], cancellationToken)));
        took = Stopwatch.GetElapsedTime(began);
        context.Report.Add(new Figure($"all live on {Streams} streams, a row each", "", "", $"{took.TotalSeconds:N1} s, {Count / took.TotalSeconds:N0}/s"));
        Memory("bytes per live subscription, its row's key included", await server.SettledBytesAsync(cancellationToken));
        var run = new LatencyRun(Streams, Streams, 1000);
        List<LatencyResult> results = [];
        for (var round = 0; round < context.Options.Rounds; round++)
        {
            results.Add(await run.WriteAsync(context, server, receipts, n => n % MessageTable.Rooms, n => 1 + (int)(n * 7919L % Count), 1, cancellationToken));
        }

        context.Report.Add(LatencyBenchmark.Figure("1,000 commits/s, each to one of the live ones", LatencyResult.Median(results), run, "", 1, 8));

        async Task LatencyAsync(string line, LatencyRun load, string other, double p50, double p99)
        {
            List<LatencyResult> rounds = [];
            for (var round = 0; round < context.Options.Rounds; round++)
            {
                rounds.Add(await load.MeasureAsync(context, server, http, cancellationToken));
            }

            context.Report.Add(LatencyBenchmark.Figure(line, LatencyResult.Median(rounds), load, other, p50, p99));
        }

        void Memory(string line, long resident)
        {
            var kilobytes = (resident - idle) / 1024.0 / Count;
            context.Report.Add(new Figure(line, "310 kB", $"≤ {GoalKilobytes} kB", $"{kilobytes:N2} kB", kilobytes <= GoalKilobytes, $"by {kilobytes - GoalKilobytes:N2} kB"));
        }
    }
}
