using System.Runtime.CompilerServices;
using SyncEngine.Delivery;
using SyncEngine.Server.Authentication;

namespace SyncEngine.Server.Endpoints;

/// <summary>GET /subscribe/{id}/events: frames as Server-Sent Events, with the cut as id where a client may resume.</summary>
static class EventsEndpoint
{
    public static void MapEvents(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/subscribe/{id}/events", StreamAsync).RequirePrincipal();

    private static async Task StreamAsync(string id, HttpContext context, StreamService streams, TimeProvider time)
    {
        var from = EventStream.ResumeIdOf(context.Request);
        var stream = await streams.StreamAsync(context.GetPrincipal(), id, from, context.RequestAborted);
        try
        {
            await EventStream.WriteAsync(context, EventsAsync(stream.Queue), stream.Stalled, time);
        }
        finally
        {
            await streams.CloseAsync(stream, CancellationToken.None);
        }
    }

    private static async IAsyncEnumerable<ServerEvent> EventsAsync(
        FrameQueue queue, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var frame in queue.ReadAllAsync(cancellationToken))
        {
            // An empty id clears the browser's Last-Event-ID, so that no client resumes in the middle. Without an id it stays.
            yield return new ServerEvent(frame, frame.Body switch
            {
                { Cut: { } cut, IsPartial: false } => cut.ToString(),
                { Type: FrameType.Reset or FrameType.Snapshot or FrameType.Diff } => "",
                _ => null,
            });
        }
    }
}
