using System.Collections.Immutable;
using System.Diagnostics;

namespace SyncEngine.Benchmarks.Clients;

/// <summary>Many bare clients of one server in this process.</summary>
/// <remarks>Lifecycle: disposed of after use; until then the connections are pinged.</remarks>
internal sealed class Fleet : IAsyncDisposable
{
    // SignalR drops a client that is silent for 30 s.
    private static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(10);
    private readonly CancellationTokenSource stop = new();
    private readonly Task pinging;
    private ImmutableList<BareClient> clients = [];

    public Fleet() => pinging = PingAsync();

    public IReadOnlyList<BareClient> Clients => clients;

    public async Task<BareClient> AddAsync(Uri server, MessageHandler? handler, CancellationToken cancellationToken)
    {
        var client = await BareClient.ConnectAsync(server, handler, cancellationToken);
        clients = clients.Add(client);
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await pinging;
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }

        stop.Dispose();
    }

    private async Task PingAsync()
    {
        using var timer = new PeriodicTimer(PingInterval);
        try
        {
            while (await timer.WaitForNextTickAsync(stop.Token))
            {
                foreach (var client in clients)
                {
                    await client.PingAsync(stop.Token);
                }
            }
        }
        catch (Exception ended) when (ended is OperationCanceledException or System.Net.WebSockets.WebSocketException or InvalidOperationException)
        {
            Debug.WriteLine(ended);
        }
    }
}
