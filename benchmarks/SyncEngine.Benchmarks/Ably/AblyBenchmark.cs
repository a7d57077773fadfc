using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using SyncEngine.AblySimulator;
using SyncEngine.Benchmarks.Running;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Targets;

namespace SyncEngine.Benchmarks.Ably;

/// <summary>Messages a second through the Ably target, beside what the simulator answers to raw sockets: both in this process, on the same cores.</summary>
internal sealed class AblyBenchmark : IBenchmark
{
    private const int Connections = 16;
    private const int Pipelined = 16;
    private static readonly TimeSpan duration = TimeSpan.FromSeconds(3);

    public string Name => "ably";

    public string Summary => "messages published to the Ably simulator by number of channels, one under way on each, beside the simulator's own ceiling";

    public async Task RunAsync(BenchmarkContext context, CancellationToken cancellationToken)
    {
        await using var ably = await SimulatedAbly.StartAsync(new SimulatorOptions { KeepMessages = false, KeepRequests = false });
        await CeilingAsync(ably, TimeSpan.FromSeconds(1), cancellationToken); // until the code is compiled
        var ceiling = await CeilingAsync(ably, duration, cancellationToken);
        context.Report.Add(new Figure("the simulator's ceiling, raw sockets", "", "", $"{ceiling:N0} requests/s"));
        foreach (var channels in new[] { 1, 16, 100, 1_000 })
        {
            await PublishAsync(ably, channels, TimeSpan.FromSeconds(1), cancellationToken);
            var requests = ably.RequestCount;
            var rate = await PublishAsync(ably, channels, duration, cancellationToken);
            var perRequest = rate * duration.TotalSeconds / Math.Max(1, ably.RequestCount - requests);
            context.Report.Add(new Figure($"{channels:N0} channels", $"{ceiling:N0}", "", $"{rate:N0} messages/s, {perRequest:N1} in a request"));
        }
    }

    private static async Task<double> PublishAsync(SimulatedAbly ably, int channels, TimeSpan time, CancellationToken cancellationToken)
    {
        await using var target = new AblyTarget(new AblyOptions { Key = ably.Key, Endpoint = ably.Address.ToString() }, TimeProvider.System, new Random(1), NullLogger<AblyTarget>.Instance);
        var run = Guid.NewGuid().ToString("N");
        var began = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, channels).Select(number => Task.Run(() => SendAsync($"{run}:{number}"), cancellationToken)));
        return counts.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds;

        async Task<long> SendAsync(string channel)
        {
            var sent = 0L;
            while (Stopwatch.GetElapsedTime(began) < time)
            {
                var result = await target.PublishAsync([new OutboundMessage(channel, $"{++sent}", "event", """{"room": 42, "body": "some words that a person wrote"}""", """{"x-ably-models-event-uuid":"0f8fad5b-d9cb-469f-a165-70867728950e"}""")], cancellationToken);
                if (result.Refusal is { } refusal)
                {
                    throw new InvalidOperationException(refusal.Reason);
                }
            }

            return sent;
        }
    }

    private static async Task<double> CeilingAsync(SimulatedAbly ably, TimeSpan time, CancellationToken cancellationToken)
    {
        var body = """{"name":"event","data":"{\"room\": 42, \"body\": \"some words that a person wrote\"}","encoding":"json"}""";
        var head = $"POST /channels/ceiling/messages HTTP/1.1\r\nHost: {ably.Address.Authority}\r\nAuthorization: Basic {Convert.ToBase64String(Encoding.ASCII.GetBytes(ably.Key))}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n";
        var requests = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(head + body, Pipelined)));
        var began = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => Task.Run(SendAsync, cancellationToken)));
        return counts.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds;

        async Task<long> SendAsync()
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(ably.Address.Host, ably.Address.Port, cancellationToken);
            var answered = 0L;
            var buffer = new byte[64 * 1024];
            while (Stopwatch.GetElapsedTime(began) < time)
            {
                await socket.SendAsync(requests, cancellationToken);
                for (var pending = Pipelined; pending > 0;)
                {
                    var read = await socket.ReceiveAsync(buffer, cancellationToken);
                    var created = Count(buffer.AsSpan(0, read));
                    pending -= created;
                    answered += created;
                }
            }

            return answered;
        }
    }

    /// <summary>An answer ends with its only brace of this kind.</summary>
    private static int Count(ReadOnlySpan<byte> answers) => answers.Count((byte)'}');
}
