using SyncEngine.Errors;
using SyncEngine.Observability;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Hosting;

/// <summary>Instead of the stream's health, over a database that was configured for another part and cannot stream: nothing is broken, nothing is live.</summary>
sealed class LiveQueriesOff(Finding reason, TimeProvider time) : IHealthPart
{
    private readonly HealthState state = new(HealthStatus.Up, $"not configured: {reason.Text}; live queries are off", time.GetUtcNow());

    public string Name => "replication";

    public HealthState State => state;
}

static partial class LiveQueriesOffExtensions
{
    /// <summary>Answers what needs the stream with <c>source_unavailable</c>.</summary>
    public static void UseLiveQueriesOff(this WebApplication app, Finding reason)
    {
        Log.Off(app.Logger, reason.Text, reason.Mend ?? "-- check");
        PathString[] live = ["/subscribe", "/sync", "/explain", "/schema"];
        app.Use((HttpContext context, RequestDelegate next) => live.Any(path => context.Request.Path.StartsWithSegments(path, StringComparison.OrdinalIgnoreCase))
            ? throw new SyncException(ErrorCode.SourceUnavailable, "live queries are off: the database does not stream its changes", hint: "The command \"check\" says what it needs.")
            : next(context));
    }

    private static partial class Log
    {
        [LoggerMessage(2006, LogLevel.Warning, "live queries are off: {Reason} ({Mend})")]
        public static partial void Off(ILogger logger, string reason, string mend);
    }
}
