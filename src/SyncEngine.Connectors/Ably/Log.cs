using Microsoft.Extensions.Logging;

namespace SyncEngine.Connectors.Ably;

static partial class Log
{
    [LoggerMessage(3101, LogLevel.Debug, "Ably's host {Host} failed: {Reason}")]
    public static partial void HostFailed(ILogger logger, string host, string reason);

    [LoggerMessage(3102, LogLevel.Warning, "Ably's fallback host {Host} is used for the next ten minutes")]
    public static partial void FallbackKept(ILogger logger, string host);

    [LoggerMessage(3103, LogLevel.Debug, "A new token was obtained")]
    public static partial void TokenRenewed(ILogger logger);

    [LoggerMessage(3104, LogLevel.Warning, "Nothing can be published to Ably now: {Reason}")]
    public static partial void WentDown(ILogger logger, string reason);

    [LoggerMessage(3105, LogLevel.Information, "Messages can be published to Ably")]
    public static partial void CameUp(ILogger logger);

    [LoggerMessage(3106, LogLevel.Warning, "The endpoint does not support batches; every message is a request of its own from now on")]
    public static partial void NoBatches(ILogger logger);

    [LoggerMessage(3107, LogLevel.Error, "Publishing failed unexpectedly")]
    public static partial void Unexpected(ILogger logger, Exception exception);
}
