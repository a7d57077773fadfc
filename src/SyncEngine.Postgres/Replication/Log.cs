using Microsoft.Extensions.Logging;
using SyncEngine.Changes;

namespace SyncEngine.Postgres.Replication;

internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Information, "streaming from {From} through slot {Slot}, {Kind}")]
    public static partial void Streaming(this ILogger logger, Lsn from, string slot, string kind);

    [LoggerMessage(101, LogLevel.Warning, "stream interrupted: {Reason}")]
    public static partial void Interrupted(this ILogger logger, string reason, Exception? exception);

    [LoggerMessage(102, LogLevel.Information, "the slot is created when these have ended: {Blockers}")]
    public static partial void WaitingFor(this ILogger logger, string blockers);

    [LoggerMessage(103, LogLevel.Error, "slot {Slot} is lost ({Reason}); a new one is created and every result is read again")]
    public static partial void SlotLost(this ILogger logger, string slot, string reason);

    [LoggerMessage(104, LogLevel.Warning, "slot {Slot} is active for {Holder}")]
    public static partial void SlotBusy(this ILogger logger, string slot, string holder);

    [LoggerMessage(105, LogLevel.Warning, "slot {Slot} keeps {RetainedBytes} bytes of WAL and is invalidated after {SafeBytes} more")]
    public static partial void SlotNearItsEnd(this ILogger logger, string slot, long retainedBytes, long safeBytes);

    [LoggerMessage(106, LogLevel.Warning, "removed {Count} spill files of a crashed process")]
    public static partial void RemovedSpillFiles(this ILogger logger, int count);

    [LoggerMessage(107, LogLevel.Warning, "the progress message could not be written: {Reason}")]
    public static partial void ProgressMessageFailed(this ILogger logger, string reason);

    [LoggerMessage(108, LogLevel.Warning, "the replication monitor failed: {Reason}")]
    public static partial void MonitorFailed(this ILogger logger, string reason);

    [LoggerMessage(109, LogLevel.Warning, "ended our own walsender {Pid}, which still used slot {Slot}")]
    public static partial void EndedOwnWalSender(this ILogger logger, int pid, string slot);
}
