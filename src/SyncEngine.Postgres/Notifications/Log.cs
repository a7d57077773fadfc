using Microsoft.Extensions.Logging;

namespace SyncEngine.Postgres.Notifications;

internal static partial class Log
{
    [LoggerMessage(130, LogLevel.Warning, "the connection for notifications is lost: {Reason}")]
    public static partial void NotificationsInterrupted(this ILogger logger, string reason, Exception? exception);

    [LoggerMessage(131, LogLevel.Information, "notifications are received again, generation {Generation}")]
    public static partial void NotificationsRecovered(this ILogger logger, long generation);
}
