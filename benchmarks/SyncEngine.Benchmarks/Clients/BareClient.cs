using System.Net.WebSockets;
using System.Text;

namespace SyncEngine.Benchmarks.Clients;

/// <param name="receivedAt">Of the last byte, in ticks of the stopwatch.</param>
internal delegate void MessageHandler(ReadOnlySpan<byte> message, long receivedAt);

/// <summary>
/// As little as speaks SignalR's JSON protocol on a raw WebSocket, so that what is measured is the server.
/// </summary>
/// <remarks>
/// Lifecycle: connected until disposed of. The handler is called for every message but pings, on the reading loop.
/// https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/HubProtocol.md
/// </remarks>
internal sealed class BareClient : IAsyncDisposable
{
    private const byte RecordSeparator = 0x1e;

    private readonly ClientWebSocket socket = new();
    private readonly SemaphoreSlim sending = new(1);
    private readonly TaskCompletionSource firstFrame = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly MessageHandler? handler;
    private Task reading = Task.CompletedTask;
    private TaskCompletionSource allLive = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int liveCount;
    private int liveWanted = int.MaxValue;

    private BareClient(MessageHandler? handler) => this.handler = handler;

    public static async Task<BareClient> ConnectAsync(Uri server, MessageHandler? handler, CancellationToken cancellationToken)
    {
        var client = new BareClient(handler);
        client.socket.Options.KeepAliveInterval = TimeSpan.Zero;
        await client.socket.ConnectAsync(new UriBuilder(server) { Scheme = "ws", Path = "/sync" }.Uri, cancellationToken);
        await client.SendAsync("{\"protocol\":\"json\",\"version\":1}\u001e", cancellationToken);
        client.reading = client.ReadAsync();
        return client;
    }

    /// <summary>Opens the connection's stream; it has begun when this returns.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        await SendAsync("{\"type\":4,\"invocationId\":\"open\",\"target\":\"Open\",\"arguments\":[]}\u001e", cancellationToken);
        await firstFrame.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Puts subscriptions on the open stream; all are live when this returns.</summary>
    public async Task AttachAsync(IReadOnlyList<string> subscriptions, CancellationToken cancellationToken)
    {
        const int AtOnce = 100;
        for (var first = 0; first < subscriptions.Count; first += AtOnce)
        {
            var batch = subscriptions.Skip(first).Take(AtOnce).ToList();
            allLive = new(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref liveWanted, Volatile.Read(ref liveCount) + batch.Count);
            var calls = batch.Select(id => $"{{\"type\":1,\"target\":\"Attach\",\"arguments\":[\"{id}\",null]}}\u001e");
            await SendAsync(string.Concat(calls), cancellationToken);
            await allLive.Task.WaitAsync(TimeSpan.FromSeconds(60), cancellationToken);
        }
    }

    public Task PingAsync(CancellationToken cancellationToken) => SendAsync("{\"type\":6}\u001e", cancellationToken);

    public async ValueTask DisposeAsync()
    {
        socket.Abort();
        await reading;
        socket.Dispose();
        sending.Dispose();
    }

    private async Task SendAsync(string text, CancellationToken cancellationToken)
    {
        await sending.WaitAsync(cancellationToken);
        try
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
        }
        finally
        {
            sending.Release();
        }
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[4096];
        var filled = 0;
        try
        {
            while (true)
            {
                if (filled == buffer.Length)
                {
                    Array.Resize(ref buffer, buffer.Length * 2);
                }

                var received = await socket.ReceiveAsync(buffer.AsMemory(filled), CancellationToken.None);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    throw new InvalidOperationException($"the server closed the connection: {socket.CloseStatusDescription}");
                }

                filled += received.Count;
                filled = Take(buffer, filled);
            }
        }
        catch (Exception ended) when (ended is WebSocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            firstFrame.TrySetException(ended);
            allLive.TrySetException(ended);
        }
    }

    /// <summary>Handles the whole messages and moves the rest to the front.</summary>
    private int Take(byte[] buffer, int filled)
    {
        var rest = buffer.AsSpan(0, filled);
        if (rest[^1] != RecordSeparator && !rest.Contains(RecordSeparator))
        {
            return filled;
        }

        var now = System.Diagnostics.Stopwatch.GetTimestamp();
        for (var end = rest.IndexOf(RecordSeparator); end >= 0; end = rest.IndexOf(RecordSeparator))
        {
            Handle(rest[..end], now);
            rest = rest[(end + 1)..];
        }

        rest.CopyTo(buffer);
        return rest.Length;
    }

    private void Handle(ReadOnlySpan<byte> message, long now)
    {
        if (message.StartsWith("{\"type\":6}"u8))
        {
            return;
        }

        if (message.IndexOf("\"item\":{\"type\":\"live\""u8) >= 0)
        {
            if (Interlocked.Increment(ref liveCount) == Volatile.Read(ref liveWanted))
            {
                allLive.TrySetResult();
            }
        }
        else if (message.IndexOf("\"item\":{\"type\":\"cut\""u8) >= 0)
        {
            firstFrame.TrySetResult();
        }
        else if (message.StartsWith("{\"type\":3"u8) || message.IndexOf("\"item\":{\"type\":\"error\""u8) >= 0)
        {
            var refused = new InvalidOperationException(Encoding.UTF8.GetString(message));
            firstFrame.TrySetException(refused);
            allLive.TrySetException(refused);
        }

        handler?.Invoke(message, now);
    }
}
