using SyncEngine.Benchmarks;
using SyncEngine.Benchmarks.Ably;
using SyncEngine.Benchmarks.Drain;
using SyncEngine.Benchmarks.Fanout;
using SyncEngine.Benchmarks.Latency;
using SyncEngine.Benchmarks.Matching;
using SyncEngine.Benchmarks.Memory;
using SyncEngine.Benchmarks.Outbox;
using SyncEngine.Benchmarks.Running;
using SyncEngine.Benchmarks.Subscribing;

// A benchmark is one class in this list.
IBenchmark[] benchmarks =
[
    new DrainBenchmark(), new LatencyBenchmark(), new SubscriptionsBenchmark(), new ConnectionsBenchmark(), new FanoutBenchmark(), new SubscribeBenchmark(), new MatchBenchmark(), new AblyBenchmark(),
    new OutboxBenchmark(),
];

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

if (args is [RawSocketServer.Command])
{
    await RawSocketServer.RunAsync(stop.Token);
    return 0;
}

var chosen = args switch
{
    ["all", ..] => benchmarks,
    [var name, ..] => [.. benchmarks.Where(benchmark => string.Equals(benchmark.Name, name, StringComparison.Ordinal))],
    _ => [],
};
if (chosen.Length == 0 || !BenchmarkOptions.TryParse(args[1..], out var options))
{
    Console.Error.WriteLine($"usage: SyncEngine.Benchmarks COMMAND [{BenchmarkOptions.Usage}]");
    foreach (var benchmark in benchmarks)
    {
        Console.Error.WriteLine($"  {benchmark.Name,-14} {benchmark.Summary}");
    }

    Console.Error.WriteLine($"  {"all",-14} all of them, and writes benchmarks/RESULTS.md");
    return 2;
}

await using var context = await BenchmarkContext.StartAsync(options, stop.Token);
foreach (var benchmark in chosen)
{
    context.Report.Begin(benchmark.Name, benchmark.Summary);
    await benchmark.RunAsync(context, stop.Token);
    if (args[0] == "all")
    {
        // After each, so that a run that is stopped leaves what it has.
        await context.Report.WriteAsync(Path.Combine(Repository.Root, "benchmarks", "RESULTS.md"), options, stop.Token);
    }
}

return 0;
