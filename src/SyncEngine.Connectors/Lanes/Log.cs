using Microsoft.Extensions.Logging;

namespace SyncEngine.Connectors.Lanes;

static partial class Log
{
    [LoggerMessage(3012, LogLevel.Error, "target {Target} failed unexpectedly; the message is sent again")]
    public static partial void TargetFailed(ILogger logger, string target, Exception failure);

    [LoggerMessage(3013, LogLevel.Error, "the lane of channel {Channel} failed")]
    public static partial void LaneFailed(ILogger logger, string channel, Exception failure);
}
