using SyncEngine.Errors;
using SyncEngine.Server.Authentication;
using SyncEngine.Postgres.Embedded;
using SyncEngine.Server.Commands;

namespace SyncEngine.Server.Endpoints;

/// <summary>Starts and stops the stream of changes in the demo tables; on the embedded database only.</summary>
static class DemoEndpoint
{
    public static void MapDemo(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/demo/changes", (MainDatabase database, DemoActivity activity) => Answer(database, activity)).RequirePrincipal();
        routes.MapPost("/demo/changes", async (DemoRequest request, MainDatabase database, DemoActivity activity) =>
        {
            if (!IsAvailable(database))
            {
                throw new SyncException(ErrorCode.InvalidRequest, "there are no demo tables", "Changes are made up on the embedded demo database only.");
            }

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
    }

    private static bool IsAvailable(MainDatabase database) => database.Embedded is not null;

    private static DemoAnswer Answer(MainDatabase database, DemoActivity activity) => new(IsAvailable(database), activity.IsRunning);
}

sealed record DemoRequest(bool Running);

sealed record DemoAnswer(bool Available, bool Running);
