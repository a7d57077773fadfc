using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Observability;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Cors;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Observability;

/// <summary>Serves adbc's <c>/health</c> and <c>/metrics</c> on an address of their own, for monitors that were set up for adbc.</summary>
/// <remarks>
/// A second web application beside the main one, so that neither serves the other's paths. It answers until the host has stopped.
/// </remarks>
sealed class AdbcCompatibilityServer(
    HealthAddress address, OutboxHealth outbox, IReadOnlyList<IHealthPart> targets, MetricsService metrics, OriginGate origins)
    : IHostedService, IAsyncDisposable
{
    private WebApplication? app;

    /// <summary>The address that it listens on, once it has started.</summary>
    public Uri? Address => app is null ? null : new Uri(app.Urls.First().Replace("[::]", "localhost", StringComparison.Ordinal));

    /// <exception cref="OperatorException">The address cannot be listened on.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            if (address.Host is { } host)
            {
                kestrel.Listen(host, address.Port);
            }
            else
            {
                kestrel.ListenAnyIP(address.Port);
            }
        });
        builder.Services.AddRoutingCore();
        app = builder.Build();
        app.Use(CheckOriginAsync);
        app.MapGet("/health", WriteHealthAsync);
        app.MapGet("/metrics", () => Results.Text(metrics.Scrape() + Metrics(), PrometheusText.ContentType, Encoding.UTF8));
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception refused) when (refused is IOException or System.Net.Sockets.SocketException)
        {
            var reason = (refused.InnerException ?? refused).Message;
            throw new OperatorException(
                $"{OutboxOptions.Section}:{nameof(OutboxOptions.HealthAddress)}: cannot listen on {address}: {reason}; "
                    + "stop what listens there, or give another HOST:PORT",
                refused);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => app?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => app?.DisposeAsync() ?? ValueTask.CompletedTask;

    private Task CheckOriginAsync(HttpContext context, RequestDelegate next)
    {
        var origin = context.Request.Headers.Origin.ToString();
        if (origin.Length == 0 || origins.Admits(origin, context))
        {
            return next(context);
        }

        context.Response.StatusCode = (int)HttpStatusCode.Forbidden;
        return Task.CompletedTask;
    }

    private Task WriteHealthAsync(HttpContext context)
    {
        // adbc has one target, and its name is shown for whichever ours are.
        var target = targets.FirstOrDefault(part => part.State.Status != HealthStatus.Up) ?? targets[0];
        (string Name, HealthState State)[] parts =
        [
            ("ably", target.State),
            ("postgres", outbox.Postgres.State),
            ("nodes_table", outbox.NodesTable.State),
            ("outbox_table", outbox.OutboxTable.State),
        ];
        var isUp = parts.All(part => part.State.Status == HealthStatus.Up);
        context.Response.StatusCode = isUp ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        var body = parts.ToDictionary(part => part.Name, part => BodyOf(part.State), StringComparer.Ordinal);
        return context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(body), context.RequestAborted).AsTask();
    }

    private static Dictionary<string, string> BodyOf(HealthState state) => state.Status == HealthStatus.Up
        ? new(StringComparer.Ordinal) { ["status"] = "up" }
        : new(StringComparer.Ordinal) { ["status"] = "down", ["error"] = state.Detail ?? "starting" };

    /// <summary>Metrics under adbc's names. Written by hand, because its counters lack the ending that ours get.</summary>
    private string Metrics()
    {
        (string Name, string Kind, string Help, long Value)[] families =
        [
            ("ably_pending_acks", "gauge", "Messages sent that no answer has come for.", outbox.UnansweredMessages),
            ("nodes_table_entries", "gauge", "Rows in the nodes table.", outbox.NodesEntries),
            ("nodes_table_errors", "counter", "Statements on the nodes table that failed.", outbox.NodesErrors),
            ("outbox_table_entries", "gauge", "Rows in the outbox table.", outbox.OutboxEntries),
            ("outbox_table_errors", "counter", "Statements on the outbox table that failed.", outbox.OutboxErrors),
        ];
        var text = new StringBuilder();
        foreach (var (name, kind, help, value) in families)
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        }

        // A failing gauge is logged and left out; the text itself cannot fail.
        return text
            .Append("# HELP promhttp_metric_handler_errors_total Errors while these metrics were written.\n")
            .Append("# TYPE promhttp_metric_handler_errors_total counter\n")
            .Append("promhttp_metric_handler_errors_total{cause=\"encoding\"} 0\n")
            .Append("promhttp_metric_handler_errors_total{cause=\"gathering\"} 0\n")
            .ToString();
    }
}
