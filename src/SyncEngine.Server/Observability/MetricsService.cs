using System.Diagnostics.Metrics;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using SyncEngine.Observability;

namespace SyncEngine.Server.Observability;

/// <summary>
/// Owns the aggregation of the engine's instruments. One meter provider serves <c>GET /metrics</c> and the OpenTelemetry collector.
/// </summary>
/// <remarks>
/// Lifecycle: from construction until the host has stopped. An instrument counts from then on; what it recorded before is lost.
/// </remarks>
sealed class MetricsService : IHostedService, IDisposable
{
    private const int LastExportMilliseconds = 2_000;

    /// <summary>Boundaries in seconds, for histograms that advise none.</summary>
    private static readonly double[] defaultBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly PrometheusExporter prometheus = new();
    private readonly MeterProvider provider;

    /// <param name="collector">The OpenTelemetry collector; null for none. It is sent metrics once a minute, or as
    /// OTEL_METRIC_EXPORT_INTERVAL says.</param>
    /// <param name="meter">The name of the meter; meters whose name continues it after a dot are read, too.</param>
    public MetricsService(Uri? collector = null, string meter = EngineMetrics.MeterName)
    {
        var builder = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => resource.AddService("syncengine", serviceVersion: ServerVersion.Text))
            .AddMeter(meter, $"{meter}.*")
            .AddView(ViewOf)
            .AddReader(new BaseExportingMetricReader(prometheus));
        if (collector is not null)
        {
            builder.AddOtlpExporter(exporter => exporter.Endpoint = EndpointOf(collector, exporter.Protocol));
        }

        provider = builder.Build();
    }

    /// <summary>The present values in the text format of Prometheus.</summary>
    public string Scrape() => prometheus.Scrape();

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken)
    {
        provider.Shutdown(LastExportMilliseconds);
        return Task.CompletedTask;
    }

    public void Dispose() => provider.Dispose();

    /// <summary>The SDK asks for a view of each instrument once, before its first measurement.</summary>
    private MetricStreamConfiguration? ViewOf(Instrument instrument)
    {
        prometheus.Add(instrument);
        return instrument is Histogram<double> { Advice: null }
            ? new ExplicitBucketHistogramConfiguration { Boundaries = defaultBoundaries }
            : null;
    }

    /// <remarks>
    /// The exporter takes an endpoint set in code as it is, so the path of OTLP over HTTP must be there; it takes the variable as a base.
    /// </remarks>
    private static Uri EndpointOf(Uri collector, OtlpExportProtocol protocol) =>
        protocol == OtlpExportProtocol.HttpProtobuf && !collector.AbsolutePath.EndsWith("/v1/metrics", StringComparison.Ordinal)
            ? new Uri($"{collector.AbsoluteUri.TrimEnd('/')}/v1/metrics")
            : collector;
}
