using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>A WebSocket as the simplest client uses it: texts out, JSON in.</summary>
sealed class TextSocket : IAsyncDisposable
{
    private readonly ClientWebSocket socket = new();
    private readonly CancellationTokenSource deadline = new(TimeSpan.FromSeconds(60), TimeProvider.System);

    public static async Task<TextSocket> ConnectAsync(Uri server, string path, string? token = null)
    {
        var text = new TextSocket();
        if (token is not null)
        {
            text.socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
        }

        await text.socket.ConnectAsync(new UriBuilder(new Uri(server, path)) { Scheme = "ws" }.Uri, text.deadline.Token);
        return text;
    }

    public Task SendAsync(string message) => SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text);

    public async Task SendAsync(byte[] message, WebSocketMessageType type) => await socket.SendAsync(message, type, endOfMessage: true, deadline.Token);

    public async Task<JsonElement> ReceiveAsync() => JsonElement.Parse(await ReceiveTextAsync() ?? throw new InvalidOperationException($"the socket has been closed: {socket.CloseStatus} {socket.CloseStatusDescription}"));

    /// <summary>Null when the server has closed.</summary>
    public async Task<string?> ReceiveTextAsync()
    {
        using var message = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), deadline.Token);
            if (received.MessageType == WebSocketMessageType.Close)
            {
                return null;
            }

            message.Write(buffer, 0, received.Count);
            if (received.EndOfMessage)
            {
                return Encoding.UTF8.GetString(message.GetBuffer(), 0, (int)message.Length);
            }
        }
    }

    /// <summary>True when the server closes, with or without a close frame, and sends nothing before.</summary>
    public async Task<bool> IsClosedAsync()
    {
        try
        {
            return await ReceiveTextAsync() is null;
        }
        catch (WebSocketException)
        {
            return true;
        }
    }

    public ValueTask DisposeAsync()
    {
        socket.Abort();
        socket.Dispose();
        deadline.Dispose();
        return ValueTask.CompletedTask;
    }
}
