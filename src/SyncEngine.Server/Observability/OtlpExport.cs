using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using SyncEngine.Observability;

namespace SyncEngine.Server.Observability;

/// <summary>Sends the same instruments to an OpenTelemetry collector, once a minute or as OTEL_METRIC_EXPORT_INTERVAL says.</summary>
sealed class OtlpExport(Uri endpoint) : IHostedService, IDisposable
{
    private MeterProvider? provider;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        provider = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => resource.AddService("syncengine", serviceVersion: ServerVersion.Text))
            .AddMeter(EngineMetrics.MeterName, $"{EngineMetrics.MeterName}.*")
            .AddOtlpExporter(exporter =>
            {
                // An endpoint set in code is taken as it is, so the path of HTTP must be there; the variable is taken as a base.
                exporter.Endpoint = exporter.Protocol == OtlpExportProtocol.HttpProtobuf && !endpoint.AbsolutePath.EndsWith("/v1/metrics", StringComparison.Ordinal)
                    ? new Uri($"{endpoint.AbsoluteUri.TrimEnd('/')}/v1/metrics")
                    : endpoint;
            })
            .Build();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        provider?.Shutdown(timeoutMilliseconds: 2_000);
        return Task.CompletedTask;
    }

    public void Dispose() => provider?.Dispose();
}
