using System.Collections.Concurrent;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace SyncEngine.Benchmarks.Fanout;

/// <summary>The limit of a fan-out: a message that a control socket sends goes, as it is, to every other socket. Runs as a process of its own.</summary>
internal static class RawSocketServer
{
    public const string Command = "raw-sockets";
    public const string Announcement = "Raw sockets at ";

    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        app.UseWebSockets();
        var listeners = new ConcurrentDictionary<WebSocket, bool>();
        app.Run(async http =>
        {
            using var socket = await http.WebSockets.AcceptWebSocketAsync();
            await (http.Request.Path == "/control" ? ControlAsync(socket, listeners, http.RequestAborted) : ListenAsync(socket, listeners, http.RequestAborted));
        });
        await app.StartAsync(cancellationToken);
        Console.WriteLine(Announcement + app.Urls.First());
        await app.WaitForShutdownAsync(cancellationToken);
    }

    private static async Task ControlAsync(WebSocket socket, ConcurrentDictionary<WebSocket, bool> listeners, CancellationToken cancellationToken)
    {
        var buffer = new byte[4096];
        try
        {
            while (await socket.ReceiveAsync(buffer.AsMemory(), cancellationToken) is { MessageType: WebSocketMessageType.Text } received)
            {
                var message = buffer.AsMemory(0, received.Count);
                List<Task> slow = [];
                foreach (var (listener, _) in listeners)
                {
                    var sending = listener.SendAsync(message, WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
                    if (!sending.IsCompletedSuccessfully)
                    {
                        slow.Add(sending.AsTask());
                    }
                }

                await Task.WhenAll(slow);
            }
        }
        catch (Exception ended) when (ended is WebSocketException or OperationCanceledException)
        {
            // The benchmark is done.
        }
    }

    private static async Task ListenAsync(WebSocket socket, ConcurrentDictionary<WebSocket, bool> listeners, CancellationToken cancellationToken)
    {
        listeners[socket] = true;
        var buffer = new byte[16];
        try
        {
            while ((await socket.ReceiveAsync(buffer.AsMemory(), cancellationToken)).MessageType != WebSocketMessageType.Close)
            {
            }
        }
        catch (Exception ended) when (ended is WebSocketException or OperationCanceledException)
        {
            // Gone.
        }
        finally
        {
            listeners.TryRemove(socket, out _);
        }
    }
}
