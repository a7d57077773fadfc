using System.Diagnostics.Tracing;
using System.Globalization;

namespace SyncEngine.Server.Observability;

/// <summary>Writes the warnings of the OpenTelemetry SDK to the log: a gauge that fails, a collector that cannot be reached.</summary>
sealed partial class TelemetryWarnings(ILogger<TelemetryWarnings> logger) : EventListener
{
    private const string Sources = "OpenTelemetry-";

    // The SDK writes it for each instrument of .NET and ASP.NET Core, because they are not among the meters that are asked for.
    private const string IgnoredInstrument = "MetricInstrumentIgnored";

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
        if (logger is not null
            && eventData.EventSource.Name.StartsWith(Sources, StringComparison.Ordinal)
            && eventData.EventName != IgnoredInstrument)
        {
            var values = eventData.Payload?.ToArray() ?? [];
            var text = eventData.Message is { } format ? string.Format(CultureInfo.InvariantCulture, format, values) : string.Join(", ", values);
            // A failure comes with its stack; the first line says what failed.
            Log.Warning(logger, text.Split('\n')[0].TrimEnd());
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1411, LogLevel.Warning, "metrics: {Warning}")]
        public static partial void Warning(ILogger logger, string warning);
    }
}
