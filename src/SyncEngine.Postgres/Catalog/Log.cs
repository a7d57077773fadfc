using Microsoft.Extensions.Logging;

namespace SyncEngine.Postgres.Catalog;

static partial class Log
{
    [LoggerMessage(2101, LogLevel.Warning, "The catalog could not be polled; the next poll tries again.")]
    public static partial void PollFailed(ILogger logger, Exception exception);

    [LoggerMessage(2102, LogLevel.Information, "Schema version {Version}: {Tables} relations.")]
    public static partial void Loaded(ILogger logger, long version, int tables);
}
