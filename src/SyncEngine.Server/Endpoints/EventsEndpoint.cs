using System.Buffers;
using System.Text;
using SyncEngine.Errors;
using SyncEngine.Server.Authentication;

namespace SyncEngine.Server.Endpoints;

/// <summary>GET /subscribe/{id}/events: the frames as Server-Sent Events. event = the frame's type, id = its cut where a client may resume.</summary>
static class EventsEndpoint
{
    private static readonly TimeSpan heartbeat = TimeSpan.FromSeconds(15);

    public static void MapEvents(this IEndpointRouteBuilder routes) => routes.MapGet("/subscribe/{id}/events", StreamAsync).RequirePrincipal();

    private static async Task StreamAsync(string id, HttpContext context, ChangeProcessor processor, TimeProvider time)
    {
        var from = context.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } header ? header
            : context.Request.Query["from"].ToString() is { Length: > 0 } query ? query : null;
        var stream = await processor.StreamAsync(context.GetPrincipal(), id, from, context.RequestAborted);
        try
        {
            context.Response.ContentType = "text/event-stream; charset=utf-8";
            context.Response.Headers.CacheControl = "no-store";
            context.Response.Headers["X-Accel-Buffering"] = "no";
            using var aborted = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stream.Stalled);
            await context.Response.StartAsync(aborted.Token);
            await context.Response.BodyWriter.FlushAsync(aborted.Token);
            await WriteAllAsync(stream.Queue, context.Response.BodyWriter, aborted, time);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested || stream.Stalled.IsCancellationRequested)
        {
            context.Abort();
        }
        finally
        {
            await processor.CloseAsync(stream, CancellationToken.None);
        }
    }

    /// <summary>Writes frames as they come until the stream ends.</summary>
    private static async Task WriteAllAsync(Subscriptions.FrameQueue queue, System.IO.Pipelines.PipeWriter output, CancellationTokenSource aborted, TimeProvider time)
    {
        await using var frames = queue.ReadAllAsync(aborted.Token).GetAsyncEnumerator(aborted.Token);
        var next = frames.MoveNextAsync().AsTask();
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

                Write(output, frames.Current);
                if (output.UnflushedBytes > 32 * 1024)
                {
                    await output.FlushAsync(aborted.Token);
                }

                next = frames.MoveNextAsync().AsTask();
            }
        }
        finally
        {
            // An enumerator is not disposed while a move is under way.
            await aborted.CancelAsync();
            await next.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private static async Task<bool> CompletesWithinAsync(Task task, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
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

    private static void Write(IBufferWriter<byte> output, Subscriptions.Frame frame)
    {
        output.Write("event: "u8);
        output.Write(Encoding.ASCII.GetBytes(frame.Body.Type));
        // An empty id clears the browser's Last-Event-ID, so that nobody resumes in the middle; none leaves it as it is.
        if (frame.Body is { Cut: { } cut, IsPartial: false })
        {
            output.Write("\nid: "u8);
            output.Write(Encoding.ASCII.GetBytes(cut.ToString()));
        }
        else if (frame.Body.Type is "reset" or "snapshot" or "diff")
        {
            output.Write("\nid: "u8);
        }

        output.Write("\ndata: "u8);
        // Values of type json may hold newlines between their tokens; each line of data has its own prefix.
        var json = new ArrayBufferWriter<byte>(frame.Length);
        frame.WriteTo(json);
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
