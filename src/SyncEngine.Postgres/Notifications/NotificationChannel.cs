using System.Text;
using SyncEngine.Errors;

namespace SyncEngine.Postgres.Notifications;

/// <summary>The rule for names of NOTIFY channels.</summary>
public static class NotificationChannel
{
    /// <summary>Bytes that PostgreSQL keeps of a name (NAMEDATALEN − 1).</summary>
    public const int MaxBytes = 63;

    /// <remarks>LISTEN cuts a longer name off and pg_notify refuses it, so a listener to a longer name would never be notified.</remarks>
    /// <exception cref="SyncException"><c>invalid_request</c>: PostgreSQL cannot have a channel of this name.</exception>
    public static void Require(string channel)
    {
        ArgumentNullException.ThrowIfNull(channel);
        if (channel.Length == 0 || channel.Contains('\0', StringComparison.Ordinal))
        {
            throw new SyncException(ErrorCode.InvalidRequest, "the name of a notification channel is empty or contains a NUL character");
        }

        if (Encoding.UTF8.GetByteCount(channel) is var bytes and > MaxBytes)
        {
            throw new SyncException(
                ErrorCode.InvalidRequest,
                $"the name of notification channel \"{channel}\" has {bytes} bytes",
                hint: $"Use at most {MaxBytes} bytes of UTF-8: PostgreSQL keeps no more of a name.");
        }
    }
}
