using System.Text;
using SyncEngine.Observability;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Observability;

/// <summary>What composes health and metrics into the host.</summary>
static class ObservabilityExtensions
{
    /// <summary>Needs a <see cref="TimeProvider"/> beside it. Every <see cref="IHealthPart"/> among the services is part of readiness.</summary>
    /// <exception cref="OperatorException">The address of the collector is none.</exception>
    public static IServiceCollection AddSyncObservability(this IServiceCollection services, IConfiguration configuration)
    {
        services
            .AddSingleton<HealthRegistry>()
            .AddSingleton<ProcessMetrics>()
            .AddSingleton(provider => new PrometheusText(provider.GetRequiredService<ILogger<PrometheusText>>()))
            .AddHostedService<MetricsStart>();
        var endpoint = OptionsBinder.Bind<OtlpOptions>(configuration, OtlpOptions.Section).Endpoint ?? configuration["OTEL_EXPORTER_OTLP_ENDPOINT"];
        if (!string.IsNullOrWhiteSpace(endpoint))
        {
            var address = Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" ? uri
                : throw new OperatorException($"{OtlpOptions.Section}:{nameof(OtlpOptions.Endpoint)} must be an http or https URL");
            services.AddHostedService(_ => new OtlpExport(address));
        }

        return services;
    }

    /// <summary><c>GET /health/live</c> and <c>GET /health/ready</c>, for anybody.</summary>
    public static IEndpointRouteBuilder MapSyncHealth(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/health/live", () => Results.Text("{\"status\":\"up\"}", "application/json"));
        endpoints.MapGet("/health/ready", (HttpContext context, HealthRegistry registry) =>
        {
            var report = registry.Report();
            context.Response.Headers.CacheControl = "no-store";
            context.Response.StatusCode = report.Status == HealthStatus.Up ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
            context.Response.ContentType = "application/json";
            return context.Response.Body.WriteAsync(report.ToJson(), context.RequestAborted).AsTask();
        });
        return endpoints;
    }

    /// <summary><c>GET /metrics</c>, for anybody.</summary>
    public static IEndpointRouteBuilder MapSyncMetrics(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/metrics", (PrometheusText metrics) => Results.Text(metrics.Write(), PrometheusText.ContentType, Encoding.UTF8));
        return endpoints;
    }

    /// <summary>Makes both before the first request: a listener hears nothing from before it was made.</summary>
    private sealed class MetricsStart(PrometheusText listener, ProcessMetrics process) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            GC.KeepAlive((listener, process));
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
