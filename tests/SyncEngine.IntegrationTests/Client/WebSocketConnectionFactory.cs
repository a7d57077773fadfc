using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Connections;

namespace SyncEngine.IntegrationTests.Client;

/// <summary>
/// A transport for SignalR's client over one <see cref="ClientWebSocket"/>, without negotiation: the package that brings SignalR's own is not to be had.
/// </summary>
sealed class WebSocketConnectionFactory(string? token) : IConnectionFactory
{
    private WebSocketConnection? connection;

    public async ValueTask<ConnectionContext> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var socket = new ClientWebSocket();
        if (token is not null)
        {
            socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
        }

        await socket.ConnectAsync(((UriEndPoint)endpoint).Uri, cancellationToken);
        return connection = new WebSocketConnection(socket);
    }

    /// <summary>Breaks the connection as a lost network does: no close frame is sent.</summary>
    public void Break() => connection?.Socket.Abort();

    private sealed class WebSocketConnection : DefaultConnectionContext
    {
        private readonly Task pumps;

        public WebSocketConnection(ClientWebSocket socket)
        {
            Socket = socket;
            ConnectionId = Guid.NewGuid().ToString();
            var received = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
            var sent = new Pipe();
            Transport = new Duplex(received.Reader, sent.Writer);
            pumps = Task.WhenAll(ReceiveAsync(received.Writer), SendAsync(sent.Reader));
        }

        public ClientWebSocket Socket { get; }

        public override void Abort(ConnectionAbortedException abortReason) => Socket.Abort();

        public override async ValueTask DisposeAsync()
        {
            await Transport.Output.CompleteAsync();
            await Transport.Input.CompleteAsync();
            Socket.Abort();
            await pumps;
            Socket.Dispose();
            await base.DisposeAsync();
        }

        private async Task ReceiveAsync(PipeWriter output)
        {
            Exception? failure = null;
            try
            {
                while (true)
                {
                    var received = await Socket.ReceiveAsync(output.GetMemory(4096), CancellationToken.None);
                    if (received.MessageType == WebSocketMessageType.Close)
                    {
                        break;
                    }

                    output.Advance(received.Count);
                    if ((await output.FlushAsync()).IsCompleted)
                    {
                        break;
                    }
                }
            }
            catch (Exception broken) when (broken is WebSocketException or OperationCanceledException or ObjectDisposedException)
            {
                failure = broken;
            }

            await output.CompleteAsync(failure);
        }

        private async Task SendAsync(PipeReader input)
        {
            try
            {
                while (true)
                {
                    var read = await input.ReadAsync();
                    foreach (var segment in read.Buffer)
                    {
                        await Socket.SendAsync(segment, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
                    }

                    input.AdvanceTo(read.Buffer.End);
                    if (read.IsCompleted)
                    {
                        break;
                    }
                }
            }
            catch (Exception broken) when (broken is WebSocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The receiving side reports it.
            }

            await input.CompleteAsync();
        }
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
