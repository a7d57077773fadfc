using System.Diagnostics;
using SyncEngine.Benchmarks.Clients;
using SyncEngine.Benchmarks.Running;

namespace SyncEngine.Benchmarks.Latency;

/// <summary>One load: clients in rooms, and commits over those rooms.</summary>
/// <param name="Rooms">Client i is in room i modulo this; so are the commits.</param>
internal sealed record LatencyRun(int Clients, int Rooms, int Rate)
{
    private const double WarmUpSeconds = 3;
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(20);
    private static int firstFreeRoom;

    public async Task<LatencyResult> MeasureAsync(BenchmarkContext context, ServerProcess server, HttpClient http, CancellationToken cancellationToken)
    {
        // Rooms that no earlier run has filled, as long as there are any.
        var first = firstFreeRoom + Rooms <= MessageTable.Rooms ? firstFreeRoom : 0;
        firstFreeRoom = first + Rooms;
        await using var fleet = new Fleet();
        var api = new SubscribeApi(http, server.Address);
        var receipts = new Receipts[Clients];
        for (var i = 0; i < Clients; i++)
        {
            receipts[i] = new Receipts();
            var client = await fleet.AddAsync(server.Address, receipts[i].Handler, cancellationToken);
            await client.OpenAsync(cancellationToken);
            await client.AttachAsync([await api.SubscribeAsync(MessageTable.OfRoom, [first + (i % Rooms)], cancellationToken)], cancellationToken);
        }

        return await WriteAsync(context, server, receipts, n => first + (n % Rooms), n => 1 + (int)(n * 7919L % MessageTable.Rows), Clients / Rooms, cancellationToken);
    }

    /// <summary>Writes and waits until everything has come, or nothing comes any more.</summary>
    public async Task<LatencyResult> WriteAsync(
        BenchmarkContext context, ServerProcess server, IReadOnlyList<Receipts> receipts, Func<int, int> room, Func<int, int> author, int deliveriesPerCommit, CancellationToken cancellationToken)
    {
        var writer = new CommitWriter(context.Address().ConnectionString, Rate > 500 ? 8 : 4);
        var duration = TimeSpan.FromSeconds(WarmUpSeconds + context.Options.Seconds);
        var before = server.ProcessorTime;
        var began = Stopwatch.GetTimestamp();
        await writer.RunAsync(Rate, duration, room, author, cancellationToken);
        var took = Stopwatch.GetElapsedTime(began);
        var due = writer.Commits * deliveriesPerCommit;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var waited = Stopwatch.GetTimestamp();
        while (receipts.Sum(receipt => receipt.Count) < due && Stopwatch.GetElapsedTime(waited) < timeout)
        {
            await timer.WaitForNextTickAsync(cancellationToken);
        }

        return LatencyResult.Of(writer, receipts, (int)(WarmUpSeconds * Rate), due, writer.Commits / took.TotalSeconds, server.ProcessorTime - before);
    }
}
