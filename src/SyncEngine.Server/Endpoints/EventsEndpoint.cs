using System.Runtime.CompilerServices;
using SyncEngine.Delivery;
using SyncEngine.LiveQueries;
using SyncEngine.Server.Authentication;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine.Server.Endpoints;

/// <summary>GET /subscribe/{id}/events: frames as Server-Sent Events, with the cut as id where a client may resume.</summary>
static class EventsEndpoint
{
    public static void MapEvents(this IEndpointRouteBuilder routes) => routes.MapGet("/subscribe/{id}/events", StreamAsync).RequirePrincipal();

    private static async Task StreamAsync(string id, HttpContext context, ChangeProcessor processor, TimeProvider time)
    {
        var stream = await processor.StreamAsync(context.GetPrincipal(), id, EventStream.ResumeIdOf(context.Request), context.RequestAborted);
        try
        {
            await EventStream.WriteAsync(context, EventsAsync(stream.Queue), stream.Stalled, time);
        }
        finally
        {
            await processor.CloseAsync(stream, CancellationToken.None);
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
                { Type: "reset" or "snapshot" or "diff" } => "",
                _ => null,
            });
        }
    }
}
