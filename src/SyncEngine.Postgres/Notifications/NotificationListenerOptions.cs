namespace SyncEngine.Postgres.Notifications;

/// <summary>The connection and the queues of a <see cref="NotificationListener"/>.</summary>
public sealed record NotificationListenerOptions
{
    /// <summary>The name of the session in <c>pg_stat_activity</c>. Default <c>syncengine listener</c>.</summary>
    public string ApplicationName { get; init; } = "syncengine listener";

    /// <summary>Silence after which a statement tests the connection. Default 10 s.</summary>
    public TimeSpan SilenceBeforeTest { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time that the server has for each statement on the connection. Default 5 s.</summary>
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The first pause before a new attempt to connect; it doubles up to <see cref="MaximumBackoff"/>. Default 100 ms.</summary>
    public TimeSpan MinimumBackoff { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest pause between two attempts to connect. Default 5 s.</summary>
    public TimeSpan MaximumBackoff { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bytes of payloads that one subscription queues before it drops them and reports a gap. Default 256 KiB.</summary>
    public int QueueBytes { get; init; } = 256 * 1024;
}
