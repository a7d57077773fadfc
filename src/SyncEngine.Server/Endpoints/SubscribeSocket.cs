using System.Buffers;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Planning;
using SyncEngine.Server.Authentication;

namespace SyncEngine.Server.Endpoints;

/// <summary>The WebSocket at /subscribe, for the simplest clients: every answer is the whole result, now and after each change.</summary>
static class SubscribeSocket
{
    private const int MaxRequestBytes = 256 * 1024;

    /// <summary>The time within which a socket has to send its request.</summary>
    private static readonly TimeSpan requestTimeout = TimeSpan.FromSeconds(15);

    /// <summary>The time that a refused client has to close.</summary>
    private static readonly TimeSpan closeTimeout = TimeSpan.FromSeconds(5);

    private static readonly JsonSerializerOptions withoutNulls = new() { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static void MapSubscribeSocket(this IEndpointRouteBuilder routes) => routes.MapGet("/subscribe", RunAsync).RequirePrincipal();

    private static async Task RunAsync(
        HttpContext context, StreamService streams, SubscriptionService service, RequestReader reader, TimeProvider time)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            throw new SyncException(
                ErrorCode.InvalidRequest, "this address is for WebSockets", hint: "Use POST /subscribe, or connect a WebSocket here.");
        }

        var principal = context.GetPrincipal();
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        using var closed = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        try
        {
            var request = await ReceiveAsync(socket, reader, time, closed.Token);
            var subscription = await service.SubscribeAsync(principal, request, closed.Token);
            var stream = await streams.StreamAsync(principal, subscription.Id, null, closed.Token);
            await using var cut = stream.Stalled.Register(socket.Abort);
            var watching = WatchAsync(socket, closed);
            try
            {
                await SendAsync(socket, subscription.Plan, stream, closed.Token);
            }
            finally
            {
                await closed.CancelAsync();
                await watching;
                await streams.CloseAsync(stream, CancellationToken.None);
                // It may have ended by itself.
                await service.UnsubscribeAsync(principal, subscription.Id, CancellationToken.None)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        catch (SyncException refused)
        {
            await RefuseAsync(socket, refused, time, context.RequestAborted);
        }
        catch (Exception gone) when (gone is OperationCanceledException or WebSocketException)
        {
            // The client has left.
        }
    }

    private static async Task<SubscribeRequest> ReceiveAsync(
        WebSocket socket, RequestReader reader, TimeProvider time, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(requestTimeout, time);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        var text = new ArrayBufferWriter<byte>();
        ValueWebSocketReceiveResult received;
        do
        {
            received = await socket.ReceiveAsync(text.GetMemory(4096), timeout.Token);
            text.Advance(received.Count);
            if (received.MessageType != WebSocketMessageType.Text || text.WrittenCount > MaxRequestBytes)
            {
                throw new SyncException(ErrorCode.InvalidRequest, "the first frame is the JSON body of POST /subscribe");
            }
        }
        while (!received.EndOfMessage);
        try
        {
            using var document = JsonDocument.Parse(text.WrittenMemory);
            return reader.Read(document.RootElement);
        }
        catch (JsonException)
        {
            throw new SyncException(ErrorCode.InvalidRequest, "the first frame is not valid JSON");
        }
    }

    /// <summary>Waits until the client closes. Anything else that it sends is ignored.</summary>
    private static async Task WatchAsync(WebSocket socket, CancellationTokenSource closed)
    {
        var ignored = new byte[1024];
        try
        {
            while ((await socket.ReceiveAsync(ignored.AsMemory(), closed.Token)).MessageType != WebSocketMessageType.Close)
            {
            }
        }
        catch (Exception gone) when (gone is OperationCanceledException or WebSocketException)
        {
            // Closed below.
        }

        await closed.CancelAsync();
    }

    private static async Task SendAsync(WebSocket socket, QueryPlan plan, ClientStream stream, CancellationToken cancellationToken)
    {
        var result = new WholeResult(plan);
        await foreach (var frame in stream.Queue.ReadAllAsync(cancellationToken))
        {
            if (frame.Body.Type == FrameType.Error)
            {
                await socket.SendAsync(Encode(frame), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
                return;
            }

            if (result.Apply(frame.Body.Type, Encode(frame)) is { } answer)
            {
                await socket.SendAsync(answer, WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
            }
        }
    }

    private static ReadOnlyMemory<byte> Encode(Frame frame)
    {
        var json = new ArrayBufferWriter<byte>(frame.Length);
        frame.WriteTo(json);
        return json.WrittenMemory;
    }

    private static async Task RefuseAsync(WebSocket socket, SyncException refused, TimeProvider time, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(closeTimeout, time);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            var error = new
            {
                type = "error",
                code = refused.Code.Name,
                message = refused.Message,
                detail = refused.Detail,
                hint = refused.Hint,
                sqlstate = refused.SqlState,
                position = refused.Position,
            };
            var body = JsonSerializer.SerializeToUtf8Bytes(error, withoutNulls);
            await socket.SendAsync(body, WebSocketMessageType.Text, endOfMessage: true, timeout.Token);
            await socket.CloseAsync(WebSocketCloseStatus.PolicyViolation, refused.Code.Name, timeout.Token);
        }
        catch (Exception gone) when (gone is OperationCanceledException or WebSocketException)
        {
            // The client has left without the answer.
        }
    }
}
