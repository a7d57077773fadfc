namespace SyncEngine.Server.Authentication;

static partial class AuthenticationLog
{
    [LoggerMessage(1101, LogLevel.Warning, "The keys that tokens are verified with cannot be read: {Reason}")]
    public static partial void KeysNotRead(ILogger logger, string reason);

    [LoggerMessage(
        1102,
        LogLevel.Warning,
        "AUTHENTICATION IS DISABLED: every caller reads the database with the engine's own role (SyncEngine:Authentication:Disabled=true)")]
    public static partial void Disabled(ILogger logger);

    [LoggerMessage(
        1103,
        LogLevel.Warning,
        "Authentication is not configured: only callers of this machine are answered, with the engine's own role. "
            + "For others, set a key under SyncEngine:Authentication")]
    public static partial void LoopbackOnly(ILogger logger);

    [LoggerMessage(1104, LogLevel.Warning, "A shared secret is shorter than {Bytes} bytes, which HS256 requires; use a longer one")]
    public static partial void ShortSecret(ILogger logger, int bytes);
}
