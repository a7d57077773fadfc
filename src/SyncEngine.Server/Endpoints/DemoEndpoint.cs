using SyncEngine.Errors;
using SyncEngine.Postgres.Embedded;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Databases;

namespace SyncEngine.Server.Endpoints;

/// <summary>The changes in the demo tables, and the writes of the playground's optimistic chat; on the embedded database only.</summary>
static class DemoEndpoint
{
    public static void MapDemo(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/demo/changes", (MainDatabase database, DemoActivity activity) => Answer(database, activity)).RequirePrincipal();
        routes.MapPost("/demo/changes", async (DemoRequest request, MainDatabase database, DemoActivity activity) =>
        {
            Require(database);
            if (request.Running)
            {
                activity.Start();
            }
            else
            {
                await activity.StopAsync();
            }

            return Answer(database, activity);
        }).RequirePrincipal();
        routes.MapPost("/demo/messages", WriteAsync).RequirePrincipal();
    }

    private static async Task<IResult> WriteAsync(
        DemoMessage message, MainDatabase database, DemoWrites writes, CancellationToken cancellationToken)
    {
        Require(database);
        if (message is not { MutationId.Length: > 0 and <= 100, Body.Length: > 0 and <= DemoWrites.LongestBody })
        {
            throw new SyncException(
                ErrorCode.InvalidRequest,
                "the message or its mutation id is empty or too long",
                $"A message has {DemoWrites.LongestBody} characters at most.");
        }

        if (message.Reject)
        {
            await writes.RejectAsync(message.MutationId, "the server was asked to reject this", cancellationToken);
        }
        else
        {
            await writes.WriteAsync(message.MutationId, message.Body, cancellationToken);
        }

        return Results.Accepted();
    }

    private static void Require(MainDatabase database)
    {
        if (!IsAvailable(database))
        {
            throw new SyncException(
                ErrorCode.InvalidRequest, "there are no demo tables", "Changes are made up on the embedded demo database only.");
        }
    }

    private static bool IsAvailable(MainDatabase database) => database.Embedded is not null;

    private static DemoAnswer Answer(MainDatabase database, DemoActivity activity) => new(IsAvailable(database), activity.IsRunning);
}

sealed record DemoRequest(bool Running);

sealed record DemoAnswer(bool Available, bool Running);

sealed record DemoMessage(string MutationId, string Body, bool Reject);
