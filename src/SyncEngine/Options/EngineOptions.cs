namespace SyncEngine.Options;

/// <summary>
/// Bounds and intervals of the engine. The host binds them from <c>SyncEngine:Limits</c>, <c>:Delivery</c> and <c>:Subscriptions</c>.
/// </summary>
public sealed record EngineOptions
{
    /// <summary>Interval at which streams are sent the position while nothing they show changes. Default 1 s.</summary>
    public TimeSpan CutInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Bytes queued per stream before diffs are merged, then the largest subscriptions reset. Default 4 MiB.</summary>
    public int MaxQueuedBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Size of one snapshot or diff frame, about. Default 256 KiB.</summary>
    public int ChunkBytes { get; init; } = 256 * 1024;

    /// <summary>A stream with frames waiting that takes none for so long is closed. Default 30 s.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Time for which a slow requery may hold back the cuts of its open stream; then it is stale. Default 1 s.</summary>
    public TimeSpan MaxHold { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A subscription that no stream shows is dropped after this. Default 2 minutes.</summary>
    public TimeSpan Unattended { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Time for which diffs are kept for clients that come back. Default 2 minutes.</summary>
    public TimeSpan ReplayWindow { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Bytes of diffs kept per result. Default 1 MiB.</summary>
    public int ReplayBytes { get; init; } = 1024 * 1024;

    /// <summary>Bytes of diffs kept over all results; the oldest go first. Default 64 MiB.</summary>
    public long ReplayTotalBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>Reads under way at once; each holds a database connection. Default 4.</summary>
    public int ConcurrentReads { get; init; } = 4;

    /// <summary>Queries read in one snapshot. Default 100.</summary>
    public int ReadBatch { get; init; } = 100;

    /// <summary>Interval at which queries that read the clock are run again. Default 1 s.</summary>
    public TimeSpan ClockInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Interval at which one live result, each in turn, is read again and compared; zero for never. Default 30 s.</summary>
    public TimeSpan AuditInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Queries per table without an equality, each tried against every change; later ones use requery. Default 2,000.</summary>
    public int ScannedQueriesPerTable { get; init; } = 2_000;

    /// <summary>Rows of a result. Default 100,000.</summary>
    public int RowsPerResult { get; init; } = 100_000;

    /// <summary>Subscriptions that one principal may have. Default 1,000.</summary>
    public int SubscriptionsPerPrincipal { get; init; } = 1_000;
}
