using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using SyncEngine.Delivery;

namespace SyncEngine.Server.Endpoints;

/// <summary>One of the Server-Sent Events: the event's name is the frame's type.</summary>
/// <param name="Id">The Last-Event-ID of a client that reconnects; empty clears it, null leaves it as it is.</param>
readonly record struct ServerEvent(Frame Frame, string? Id);

/// <summary>Answers a request with Server-Sent Events.</summary>
static class EventStream
{
    private static readonly TimeSpan heartbeat = TimeSpan.FromSeconds(15);

    /// <summary>The position at which the client wants to resume; null for the beginning.</summary>
    public static string? ResumeIdOf(HttpRequest request) =>
        request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } header ? header
            : request.Query["from"].ToString() is { Length: > 0 } query ? query : null;

    /// <summary>Writes events as they come, until they end or the client leaves.</summary>
    /// <param name="stalled">Cancelled when the client takes nothing for too long; its connection is then aborted.</param>
    public static async Task WriteAsync(
        HttpContext context, IAsyncEnumerable<ServerEvent> events, CancellationToken stalled, TimeProvider time)
    {
        try
        {
            context.Response.ContentType = "text/event-stream; charset=utf-8";
            context.Response.Headers.CacheControl = "no-store";
            context.Response.Headers["X-Accel-Buffering"] = "no";
            using var aborted = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stalled);
            await context.Response.StartAsync(aborted.Token);
            await context.Response.BodyWriter.FlushAsync(aborted.Token);
            await WriteAllAsync(events, context.Response.BodyWriter, aborted, time);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested || stalled.IsCancellationRequested)
        {
            context.Abort();
        }
    }

    /// <summary>Writes events as they come until the stream ends.</summary>
    private static async Task WriteAllAsync(
        IAsyncEnumerable<ServerEvent> events, PipeWriter output, CancellationTokenSource aborted, TimeProvider time)
    {
        await using var ready = events.GetAsyncEnumerator(aborted.Token);
        var next = ready.MoveNextAsync().AsTask();
        try
        {
            while (true)
            {
                if (!next.IsCompleted)
                {
                    await output.FlushAsync(aborted.Token);
                    while (!await CompletesWithinAsync(next, heartbeat, time, aborted.Token))
                    {
                        // A comment keeps proxies from closing a quiet stream.
                        output.Write(": \n\n"u8);
                        await output.FlushAsync(aborted.Token);
                    }
                }

                if (!await next)
                {
                    return;
                }

                Write(output, ready.Current);
                if (output.UnflushedBytes > 32 * 1024)
                {
                    await output.FlushAsync(aborted.Token);
                }

                next = ready.MoveNextAsync().AsTask();
            }
        }
        finally
        {
            // An enumerator is not disposed while a move is under way.
            await aborted.CancelAsync();
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task<bool> CompletesWithinAsync(
        Task task, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            await task.WaitAsync(timeout, time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private static void Write(IBufferWriter<byte> output, ServerEvent item)
    {
        output.Write("event: "u8);
        output.Write(item.Frame.Body.Type.Name());
        if (item.Id is not null)
        {
            output.Write("\nid: "u8);
            output.Write(Encoding.ASCII.GetBytes(item.Id));
        }

        output.Write("\ndata: "u8);
        // Values of type json may hold newlines between their tokens; each line of data has its own prefix.
        var json = new ArrayBufferWriter<byte>(item.Frame.Length);
        item.Frame.WriteTo(json);
        var rest = json.WrittenSpan;
        for (var newline = rest.IndexOfAny((byte)'\n', (byte)'\r'); newline >= 0; newline = rest.IndexOfAny((byte)'\n', (byte)'\r'))
        {
            output.Write(rest[..newline]);
            output.Write("\ndata: "u8);
            rest = rest[(newline + 1)..];
        }

        output.Write(rest);
        output.Write("\n\n"u8);
    }
}
