using System.Text;
using SyncEngine.Observability;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Observability;

/// <summary>Composes health and metrics into the host.</summary>
static class ObservabilityExtensions
{
    /// <summary>
    /// Needs a <see cref="TimeProvider"/> beside it. Every <see cref="IHealthPart"/> among the services is part of readiness.
    /// </summary>
    /// <exception cref="OperatorException">The collector's address is not a URL.</exception>
    public static IServiceCollection AddSyncObservability(this IServiceCollection services, IConfiguration configuration)
    {
        var collector = CollectorOf(configuration);
        return services
            .AddSingleton<HealthRegistry>()
            .AddSingleton<ProcessMetrics>()
            .AddSingleton<TelemetryWarnings>()
            .AddSingleton(provider =>
            {
                // The listener and the instruments of the process live as long as what reads them.
                provider.GetRequiredService<TelemetryWarnings>();
                provider.GetRequiredService<ProcessMetrics>();
                return new MetricsService(collector);
            })
            .AddHostedService(provider => provider.GetRequiredService<MetricsService>());
    }

    /// <summary>Needs a data source beside it.</summary>
    public static IServiceCollection AddDatabaseHealth(this IServiceCollection services) => services
        .AddKeyedSingleton(
            DatabaseHealth.PartName,
            (provider, _) => new HealthPart(DatabaseHealth.PartName, provider.GetRequiredService<TimeProvider>()))
        .AddSingleton<IHealthPart>(provider => provider.GetRequiredKeyedService<HealthPart>(DatabaseHealth.PartName))
        .AddHostedService<DatabaseHealth>();

    /// <summary>Maps <c>GET /health/live</c> and <c>GET /health/ready</c>, which need no token.</summary>
    public static IEndpointRouteBuilder MapSyncHealth(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/health/live", () => Results.Text("{\"status\":\"up\"}", "application/json"));
        endpoints.MapGet("/health/ready", (HttpContext context, HealthRegistry registry) =>
        {
            var report = registry.Report();
            context.Response.Headers.CacheControl = "no-store";
            context.Response.StatusCode = report.Status == HealthStatus.Up
                ? StatusCodes.Status200OK
                : StatusCodes.Status503ServiceUnavailable;
            context.Response.ContentType = "application/json";
            return context.Response.Body.WriteAsync(report.ToJson(), context.RequestAborted).AsTask();
        });
        return endpoints;
    }

    /// <summary>Maps <c>GET /metrics</c>, which needs no token.</summary>
    public static IEndpointRouteBuilder MapSyncMetrics(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/metrics", (MetricsService metrics) => Results.Text(metrics.Scrape(), PrometheusText.ContentType, Encoding.UTF8));
        return endpoints;
    }

    private static Uri? CollectorOf(IConfiguration configuration)
    {
        var options = OptionsBinder.Bind<OtlpOptions>(configuration, OtlpOptions.Section);
        var endpoint = options.Endpoint ?? configuration["OTEL_EXPORTER_OTLP_ENDPOINT"];
        if (string.IsNullOrWhiteSpace(endpoint))
        {
            return null;
        }

        return Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            ? uri
            : throw new OperatorException($"{OtlpOptions.Section}:{nameof(OtlpOptions.Endpoint)} must be an http or https URL");
    }
}
