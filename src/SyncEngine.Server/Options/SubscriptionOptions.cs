using System.ComponentModel.DataAnnotations;
using SyncEngine.Options;

namespace SyncEngine.Server.Options;

/// <summary>The life of subscriptions, the replay for clients that reconnect, and the checks of results.</summary>
sealed record SubscriptionOptions
{
    public const string Section = "SyncEngine:Subscriptions";

    private static readonly EngineOptions engine = new();

    /// <summary>A subscription without a stream is dropped after this. Default 2 min.</summary>
    [Range(typeof(TimeSpan), "1 s", "1 d")]
    public TimeSpan Unattended { get; init; } = engine.Unattended;

    /// <summary>
    /// The time for which diffs are kept for clients that reconnect; after a longer absence they get a new snapshot. Default 2 min.
    /// </summary>
    [Range(typeof(TimeSpan), "0 s", "1 d")]
    public TimeSpan ReplayWindow { get; init; } = engine.ReplayWindow;

    /// <summary>Bytes of diffs kept per result; older ones go first. Default 1 MiB.</summary>
    [Range(0, 1024 * 1024 * 1024)]
    public int ReplayBytes { get; init; } = engine.ReplayBytes;

    /// <summary>Bytes of diffs kept over all results; the oldest go first. Default 64 MiB.</summary>
    [Range(0, 64L * 1024 * 1024 * 1024)]
    public long ReplayTotalBytes { get; init; } = engine.ReplayTotalBytes;

    /// <summary>The interval at which queries that read the clock are evaluated again. Default 1 s.</summary>
    [Range(typeof(TimeSpan), "100 ms", "1 h")]
    public TimeSpan ClockInterval { get; init; } = engine.ClockInterval;

    /// <summary>The interval at which one live result, picked in turn, is read again, compared and repaired; 0 s for never. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "0 s", "1 d")]
    public TimeSpan AuditInterval { get; init; } = engine.AuditInterval;

    /// <summary>
    /// Queries per table that no equality indexes, each tried against every change; later ones use requery. Default 2,000.
    /// </summary>
    [Range(0, 1_000_000)]
    public int ScannedQueriesPerTable { get; init; } = engine.ScannedQueriesPerTable;
}
