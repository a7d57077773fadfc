using System.Diagnostics.Tracing;
using System.Globalization;
using SyncEngine.Observability;

namespace SyncEngine.Server.Observability;

/// <summary>Writes the warnings of the OpenTelemetry SDK to the log: a gauge that fails, a collector that cannot be reached.</summary>
sealed partial class TelemetryWarnings(ILogger<TelemetryWarnings> logger) : EventListener
{
    private const string Sources = "OpenTelemetry-";
    private const string InstrumentIgnored = "MetricInstrumentIgnored";

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name.StartsWith(Sources, StringComparison.Ordinal))
        {
            EnableEvents(eventSource, EventLevel.Warning);
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        // The base class listens before the fields of this one are set.
        if (logger is null || !eventData.EventSource.Name.StartsWith(Sources, StringComparison.Ordinal) || IsOfOtherMeter(eventData))
        {
            return;
        }

        var values = eventData.Payload?.ToArray() ?? [];
        var text = eventData.Message is { } format
            ? string.Format(CultureInfo.InvariantCulture, format, values)
            : string.Join(", ", values);
        // A failure comes with its stack; the first line says what failed.
        Log.Warning(logger, text.Split('\n')[0].TrimEnd());
    }

    /// <summary>The SDK warns of each instrument that it does not read. .NET has many, and none of them is meant to be read.</summary>
    private static bool IsOfOtherMeter(EventWrittenEventArgs warning) =>
        string.Equals(warning.EventName, InstrumentIgnored, StringComparison.Ordinal)
        && warning.Payload is [_, string meter, ..] && !meter.StartsWith(EngineMetrics.MeterName, StringComparison.Ordinal);

    private static partial class Log
    {
        [LoggerMessage(1411, LogLevel.Warning, "metrics: {Warning}")]
        public static partial void Warning(ILogger logger, string warning);
    }
}
