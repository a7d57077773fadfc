using SyncEngine.Benchmarks.Clients;
using SyncEngine.Benchmarks.Latency;
using SyncEngine.Benchmarks.Running;

namespace SyncEngine.Benchmarks.Memory;

/// <summary>Resident memory of the server: idle, and per connection in three states.</summary>
internal sealed class ConnectionsBenchmark : IBenchmark
{
    private const int Connections = 1000;
    private const double GoalIdleMegabytes = 120;
    private const double GoalPerClientKilobytes = 25;

    public string Name => "connections";

    public string Summary => $"resident bytes of the server after a collection, and per connection with {Connections:N0} of them";

    public async Task RunAsync(BenchmarkContext context, CancellationToken cancellationToken)
    {
        await new MessageTable(context.Address().ConnectionString).CreateAsync(cancellationToken);
        using var http = new HttpClient();
        await using var server = await ServerProcess.StartAsync(context.DatabaseUrl, cancellationToken);
        await server.BecomeReadyAsync(http, cancellationToken);
        var api = new SubscribeApi(http, server.Address);
        await using (var warm = new Fleet())
        {
            await ConnectAsync(warm, 50);
            await OpenAsync(warm);
            await SubscribeAsync(warm);
        }

        var idle = await server.SettledBytesAsync(cancellationToken);
        var megabytes = idle / 1024.0 / 1024;
        context.Report.Add(new Figure(
            "idle", "430 MB", $"≤ {GoalIdleMegabytes} MB", $"{megabytes:N0} MB", megabytes <= GoalIdleMegabytes, $"by {megabytes - GoalIdleMegabytes:N0} MB"));

        await using var fleet = new Fleet();
        await ConnectAsync(fleet, Connections);
        await PerClientAsync("connection, nothing on it", "SignalR's own: 19 kB, raw WebSocket 11.5 kB", hasGoal: false, idle);
        await OpenAsync(fleet);
        await PerClientAsync("and an open stream", "2.0 MB", hasGoal: true, idle);
        await SubscribeAsync(fleet);
        await PerClientAsync("and a live subscription of 100 rows of its own", "2.3 MB", hasGoal: false, idle);

        async Task ConnectAsync(Fleet into, int count)
        {
            for (var i = 0; i < count; i++)
            {
                await into.AddAsync(server.Address, null, cancellationToken);
            }
        }

        async Task OpenAsync(Fleet of)
        {
            foreach (var client in of.Clients)
            {
                await client.OpenAsync(cancellationToken);
            }
        }

        async Task SubscribeAsync(Fleet of)
        {
            for (var i = 0; i < of.Clients.Count; i++)
            {
                await of.Clients[i].AttachAsync([await api.SubscribeAsync(MessageTable.OfRoom, [i % MessageTable.Rooms], cancellationToken)], cancellationToken);
            }
        }

        async Task PerClientAsync(string line, string other, bool hasGoal, long without)
        {
            var kilobytes = (await server.SettledBytesAsync(cancellationToken) - without) / 1024.0 / Connections;
            context.Report.Add(new Figure(
                line, other, hasGoal ? $"≤ {GoalPerClientKilobytes} kB" : "", $"{kilobytes:N1} kB", hasGoal ? kilobytes <= GoalPerClientKilobytes : null, hasGoal ? $"by {kilobytes - GoalPerClientKilobytes:N1} kB" : ""));
        }
    }
}
