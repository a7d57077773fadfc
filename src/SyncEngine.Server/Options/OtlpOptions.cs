namespace SyncEngine.Server.Options;

/// <summary>The collector that metrics are sent to besides <c>GET /metrics</c>.</summary>
sealed record OtlpOptions
{
    public const string Section = "SyncEngine:Otlp";

    /// <summary>
    /// The collector's address; the other OTEL_EXPORTER_OTLP_ variables hold as well. Default: OTEL_EXPORTER_OTLP_ENDPOINT, else nothing
    /// is sent.
    /// </summary>
    public string? Endpoint { get; init; }
}
