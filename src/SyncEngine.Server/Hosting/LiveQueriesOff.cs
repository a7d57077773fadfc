using Microsoft.AspNetCore.SignalR;
using SyncEngine.Errors;
using SyncEngine.Observability;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Hubs;

namespace SyncEngine.Server.Hosting;

/// <summary>
/// Stands for the health of the stream where the database was configured for another part and cannot stream. Nothing has failed, and no
/// query is live.
/// </summary>
sealed class LiveQueriesOff(Finding reason, TimeProvider time) : IHealthPart
{
    private readonly HealthState state = new(HealthStatus.Up, $"not configured: {reason.Text}; live queries are off", time.GetUtcNow());

    public string Name => "replication";

    public HealthState State => state;
}

/// <summary>
/// Refuses the hub's methods that need the stream. The channels of the outbox, and the token under which they are read, do not.
/// </summary>
sealed class LiveQueriesOffFilter : IHubFilter
{
    public ValueTask<object?> InvokeMethodAsync(HubInvocationContext invocation, Func<HubInvocationContext, ValueTask<object?>> next) =>
        invocation.HubMethodName is nameof(SyncHub.Channel) or nameof(SyncHub.Authenticate)
            ? next(invocation)
            : throw LiveQueriesOffExtensions.Refusal();
}

static partial class LiveQueriesOffExtensions
{
    public static SyncException Refusal() => new(
        ErrorCode.SourceUnavailable,
        "live queries are off: the database does not stream its changes",
        hint: "The command \"check\" lists what it needs.");

    /// <summary>Answers what needs the stream with <c>source_unavailable</c>; the hub does so itself, method by method.</summary>
    public static void UseLiveQueriesOff(this WebApplication app, Finding reason)
    {
        Log.Off(app.Logger, reason.Text, reason.Repair ?? "-- check");
        PathString[] live = ["/subscribe", "/explain", "/schema"];
        app.Use((HttpContext context, RequestDelegate next) =>
        {
            var needsStream = live.Any(path => context.Request.Path.StartsWithSegments(path, StringComparison.OrdinalIgnoreCase));
            return needsStream ? throw Refusal() : next(context);
        });
    }

    private static partial class Log
    {
        [LoggerMessage(2006, LogLevel.Warning, "live queries are off: {Reason} ({Remedy})")]
        public static partial void Off(ILogger logger, string reason, string remedy);
    }
}
