using SyncEngine.Benchmarks;
using SyncEngine.Benchmarks.Drain;

// A benchmark is one class in this list.
IBenchmark[] benchmarks = [new DrainBenchmark()];

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

if (args is [var name, .. var arguments] && benchmarks.FirstOrDefault(b => string.Equals(b.Name, name, StringComparison.Ordinal)) is { } chosen)
{
    return await chosen.RunAsync(arguments, stop.Token);
}

Console.Error.WriteLine("usage: SyncEngine.Benchmarks COMMAND …");
foreach (var benchmark in benchmarks)
{
    Console.Error.WriteLine($"  {benchmark.Name} {benchmark.Usage}");
}

return 2;
