using System.ComponentModel.DataAnnotations;

namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// The options of the outbox: its tables, how rows are found, how nodes share them. The outbox is on when one of its keys is set.
/// </summary>
public sealed record OutboxOptions
{
    public const string Section = "SyncEngine:Outbox";

    /// <summary>The database that holds the outbox: a postgres:// URL or a key-value string. Default: the main database.</summary>
    public string? Database { get; init; }

    /// <summary>Schema of the outbox table. Default <c>public</c>.</summary>
    [MinLength(1)]
    public string Schema { get; init; } = "public";

    /// <summary>Name of the outbox table. Default <c>outbox</c>.</summary>
    [MinLength(1)]
    public string Table { get; init; } = "outbox";

    /// <summary>Schema of the nodes table. Default <c>public</c>.</summary>
    [MinLength(1)]
    public string NodesSchema { get; init; } = "public";

    /// <summary>Name of the nodes table. Default <c>nodes</c>.</summary>
    [MinLength(1)]
    public string NodesTable { get; init; } = "nodes";

    /// <summary>
    /// Create the outbox table, its notify function and trigger at start where they are missing. Default false (on the embedded server:
    /// true).
    /// </summary>
    public bool AutoCreate { get; init; }

    /// <summary>Create the nodes table at start where it is missing. Default false (on the embedded server: true).</summary>
    public bool AutoCreateNodes { get; init; }

    /// <summary>Poll on a timer alone, without LISTEN and trigger. Default false.</summary>
    public bool FixedRate { get; init; }

    /// <summary>The timer of the fixed rate. Default 1 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "1.00:00:00")]
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// After a poll that a notification caused, further notifications wait this long and cause one poll together. Default 20 ms.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan Debounce { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>The longest time between two polls, for rows whose notification was lost. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "1.00:00:00")]
    public TimeSpan SafetyPoll { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The interval at which a node confirms its registration and renews its locks. Default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "01:00:00")]
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A node that has not confirmed its registration for this long is dead, and others take its channels. Default 15 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.200", "1.00:00:00")]
    public TimeSpan NodeExpiry { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The time for which a row in work is locked; the lock is renewed while it is in work. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.200", "1.00:00:00")]
    public TimeSpan LockDuration { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Rows of one channel that a node takes at once. Default 100.</summary>
    [Range(1, 10_000)]
    public int BatchSize { get; init; } = 100;

    /// <summary>The pause before the first new attempt; it doubles, with jitter. Default 250 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "01:00:00")]
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest pause before a new attempt. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan MaxRetryDelay { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Handling of a row that its target refuses for good: <c>DeadLetter</c> moves it to sync.dead_letters, <c>Hold</c> keeps it and blocks
    /// its channel. Default DeadLetter.
    /// </summary>
    public RefusedRow Refused { get; init; } = RefusedRow.DeadLetter;

    /// <summary>
    /// The rules that lead channels to targets; the first that fits decides. Default: all to <c>ably</c> where Ably has credentials, else
    /// to <c>hub</c>.
    /// </summary>
    public IReadOnlyList<TargetRule> Targets { get; init; } = [];

    /// <summary>
    /// The time for which the hub target keeps messages for clients that reconnect. After a longer absence a client must refetch. Default
    /// 10 min.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    public TimeSpan HubRetention { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>HOST:PORT on which adbc's own /health and /metrics are served. Default none (2259 with adbc's configuration).</summary>
    public string? HealthAddress { get; init; }

    /// <summary>The interval at which the tables are checked for health. Default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan HealthRefresh { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>Handling of a row that its target refuses for good.</summary>
public enum RefusedRow
{
    DeadLetter,
    Hold,
}

/// <summary>A rule: channels and their target.</summary>
public sealed record TargetRule
{
    /// <summary>A channel's name; <c>*</c> stands for any run of characters. Default <c>*</c>.</summary>
    public string Channels { get; init; } = "*";

    /// <summary>A target's name: <c>ably</c>, <c>hub</c>.</summary>
    [Required]
    public string Target { get; init; } = "";
}
