using System.Diagnostics;
using SyncEngine.Benchmarks.Clients;
using SyncEngine.Benchmarks.Latency;
using SyncEngine.Benchmarks.Running;

namespace SyncEngine.Benchmarks.Subscribing;

/// <summary>From the first request to the last row of the first result.</summary>
internal sealed class SubscribeBenchmark : IBenchmark
{
    private const int Queries = 100;
    private const double GoalMilliseconds = 60;

    public string Name => "subscribe";

    public string Summary => "from POST /subscribe to live, one client on an open stream";

    public async Task RunAsync(BenchmarkContext context, CancellationToken cancellationToken)
    {
        await new MessageTable(context.Address().ConnectionString).CreateAsync(cancellationToken);
        using var http = new HttpClient();
        await using var server = await ServerProcess.StartAsync(context.DatabaseUrl, cancellationToken);
        await server.BecomeReadyAsync(http, cancellationToken);
        await using var fleet = new Fleet();
        var client = await fleet.AddAsync(server.Address, null, cancellationToken);
        await client.OpenAsync(cancellationToken);
        var api = new SubscribeApi(http, server.Address);
        var repetitions = (context.Options.Rounds * 2) + 3;
        await AddAsync($"{Queries} queries of one client", "217 ms", repetitions, async round =>
            await client.AttachAsync(await api.SubscribeEachAsync(MessageTable.OfRoom, [.. Enumerable.Range(round * Queries, Queries)], cancellationToken), cancellationToken));
        await AddAsync("first 10,000-row result", "165 ms", repetitions, async round =>
            await client.AttachAsync([await api.SubscribeAsync("SELECT id, room_id, body FROM messages WHERE id > $1 AND id <= $2", [round, 10_000 + round], cancellationToken)], cancellationToken));

        async Task AddAsync(string line, string other, int rounds, Func<int, Task> subscribe)
        {
            List<double> all = [];
            for (var round = 0; round < rounds; round++)
            {
                var began = Stopwatch.GetTimestamp();
                await subscribe(round);
                all.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }

            // The first ones compile the server's code; they are reported beside the median.
            var median = Statistics.Median(all.Skip(3));
            context.Report.Add(new Figure(line, other, $"≤ {GoalMilliseconds} ms", $"{median:N0} ms; the very first {all[0]:N0} ms", median <= GoalMilliseconds, $"by {median - GoalMilliseconds:N0} ms"));
        }
    }
}
