namespace SyncEngine.Server.Errors;

static partial class ErrorLog
{
    [LoggerMessage(1201, LogLevel.Debug, "Refused with {Code}: {Path}")]
    public static partial void Refused(ILogger logger, string code, string path);

    [LoggerMessage(1202, LogLevel.Error, "Internal error {Id} at {Method} {Path}")]
    public static partial void RequestFailed(ILogger logger, string id, string method, string path, Exception error);

    [LoggerMessage(1203, LogLevel.Error, "Internal error {Id} in a hub method")]
    public static partial void HubMethodFailed(ILogger logger, string id, Exception error);
}
