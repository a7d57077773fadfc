using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using Npgsql;
using SyncEngine.Benchmarks.Clients;
using SyncEngine.Benchmarks.Latency;
using SyncEngine.Benchmarks.Running;

namespace SyncEngine.Benchmarks.Fanout;

/// <summary>One commit to many connections: how long until the last has it, against ready bytes on raw WebSockets.</summary>
internal sealed class FanoutBenchmark : IBenchmark
{
    private const int Commits = 60;
    private const int WarmUp = 20;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    public string Name => "fanout";

    public string Summary => "one commit to all connections, ms until the last has the row (median / p95), against the same bytes sent by a minimal raw WebSocket server in the same round";

    public async Task RunAsync(BenchmarkContext context, CancellationToken cancellationToken)
    {
        await new MessageTable(context.Address().ConnectionString).CreateAsync(cancellationToken);
        using var http = new HttpClient();
        await using var server = await ServerProcess.StartAsync(context.DatabaseUrl, cancellationToken);
        await server.BecomeReadyAsync(http, cancellationToken);
        await using var raw = await ServerProcess.StartAsync([Environment.GetCommandLineArgs()[0], RawSocketServer.Command], RawSocketServer.Announcement, cancellationToken);
        var id = 10_000_000;
        foreach (var connections in new[] { 200, 1000 })
        {
            List<Spread> ours = [], limit = [];
            for (var round = 0; round < context.Options.Rounds; round++)
            {
                limit.Add(await RawAsync(raw, connections, cancellationToken));
                ours.Add(await EngineAsync(connections));
            }

            var (us, it) = (Spread.Middle(ours), Spread.Middle(limit));
            context.Report.Add(new Figure($"{connections:N0} connections", $"raw {it}", "", us.ToString(), Shortfall: $"{us.Median / it.Median:0.0} × raw"));
        }

        async Task<Spread> EngineAsync(int connections)
        {
            var arrivals = new Arrivals(connections);
            await using var fleet = new Fleet();
            var api = new SubscribeApi(http, server.Address);
            for (var i = 0; i < connections; i++)
            {
                var client = await fleet.AddAsync(server.Address, arrivals.OnMessage, cancellationToken);
                await client.OpenAsync(cancellationToken);
                await client.AttachAsync([await api.SubscribeAsync(MessageTable.OfRoom, [1], cancellationToken)], cancellationToken);
            }

            await using var connection = new NpgsqlConnection(context.Address().ConnectionString);
            await connection.OpenAsync(cancellationToken);
            return await arrivals.MeasureAsync(
                async () =>
                {
                    await using var command = new NpgsqlCommand("INSERT INTO messages (id, room_id, author_id, body) VALUES ($1, 1, 1, $2)", connection);
                    command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = id++ });
                    command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = new string('x', 150) });
                    await command.ExecuteNonQueryAsync(cancellationToken);
                    return Stopwatch.GetTimestamp();
                },
                cancellationToken);
        }
    }

    private static async Task<Spread> RawAsync(ServerProcess raw, int connections, CancellationToken cancellationToken)
    {
        var arrivals = new Arrivals(connections);
        var address = new UriBuilder(raw.Address) { Scheme = "ws" };
        using var control = new ClientWebSocket();
        await control.ConnectAsync(new UriBuilder(address.Uri) { Path = "/control" }.Uri, cancellationToken);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task> reading = [];
        for (var i = 0; i < connections; i++)
        {
            var socket = new ClientWebSocket();
            await socket.ConnectAsync(address.Uri, cancellationToken);
            reading.Add(ReadAsync(socket));
        }

        // As long as a diff and a cut of the engine are together.
        var message = Encoding.UTF8.GetBytes($"\"added\":{new string('x', 500)}");
        var result = await arrivals.MeasureAsync(
            async () =>
            {
                var began = Stopwatch.GetTimestamp();
                await control.SendAsync(message.AsMemory(), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
                return began;
            },
            cancellationToken);
        await done.CancelAsync();
        await Task.WhenAll(reading);
        return result;

        async Task ReadAsync(ClientWebSocket socket)
        {
            using (socket)
            {
                var buffer = new byte[4096];
                try
                {
                    while (await socket.ReceiveAsync(buffer.AsMemory(), done.Token) is { Count: > 0 } received)
                    {
                        arrivals.OnMessage(buffer.AsSpan(0, received.Count), Stopwatch.GetTimestamp());
                    }
                }
                catch (Exception ended) when (ended is OperationCanceledException or WebSocketException)
                {
                    // Done.
                }
            }
        }
    }

    /// <summary>Waits until one message has come to all.</summary>
    private sealed class Arrivals(int connections)
    {
        private int missing;
        private TaskCompletionSource<long> all = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void OnMessage(ReadOnlySpan<byte> message, long receivedAt)
        {
            if (message.IndexOf("\"added\":"u8) >= 0 && Interlocked.Decrement(ref missing) == 0)
            {
                all.TrySetResult(receivedAt);
            }
        }

        /// <param name="send">Returns when it was sent, or acknowledged.</param>
        public async Task<Spread> MeasureAsync(Func<Task<long>> send, CancellationToken cancellationToken)
        {
            using var timer = new PeriodicTimer(Pause);
            List<double> milliseconds = [];
            for (var i = 0; i < Commits + WarmUp; i++)
            {
                all = new(TaskCreationOptions.RunContinuationsAsynchronously);
                Interlocked.Exchange(ref missing, connections);
                var sent = await send();
                var arrived = await all.Task.WaitAsync(TimeSpan.FromSeconds(20), cancellationToken);
                if (i >= WarmUp)
                {
                    milliseconds.Add((arrived - sent) * 1000.0 / Stopwatch.Frequency);
                }

                await timer.WaitForNextTickAsync(cancellationToken);
            }

            milliseconds.Sort();
            return new Spread(Statistics.Percentile(milliseconds, 0.5), Statistics.Percentile(milliseconds, 0.95));
        }
    }

    private sealed record Spread(double Median, double P95)
    {
        public override string ToString() => $"{Median:0.0} / {P95:0.0}";

        public static Spread Middle(List<Spread> rounds) => new(Statistics.Median(rounds.Select(round => round.Median)), Statistics.Median(rounds.Select(round => round.P95)));
    }
}
