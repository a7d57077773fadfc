using System.ComponentModel.DataAnnotations;
using SyncEngine.Options;
using SyncEngine.Postgres.Sessions;
using SyncEngine.Postgres.Snapshots;

namespace SyncEngine.Server.Options;

/// <summary>The bounds of one caller, one request and one result.</summary>
sealed record LimitOptions
{
    public const string Section = "SyncEngine:Limits";

    private static readonly EngineOptions engine = new();

    /// <summary>Subscriptions that one principal may have; one more is <c>too_many_subscriptions</c>. Default 1,000.</summary>
    [Range(1, 1_000_000)]
    public int SubscriptionsPerPrincipal { get; init; } = engine.SubscriptionsPerPrincipal;

    /// <summary>
    /// Requests of one principal, or of one address without a token, in a minute; one more is <c>rate_limited</c>. 0 for no bound. Default
    /// 600.
    /// </summary>
    [Range(0, 10_000_000)]
    public int RequestsPerMinute { get; init; } = 600;

    /// <summary>Rows of a result; with more the subscription ends with <c>result_too_large</c>. Default 100,000.</summary>
    [Range(1, 100_000_000)]
    public int RowsPerResult { get; init; } = engine.RowsPerResult;

    /// <summary>
    /// Bytes of a result as read from PostgreSQL; with more the subscription ends with <c>result_too_large</c>. Default 64 MiB.
    /// </summary>
    [Range(1024, 2L * 1024 * 1024 * 1024)]
    public long BytesPerResult { get; init; } = new SnapshotOptions().BytesPerResult;

    /// <summary>The longest time of one statement of a subscriber in PostgreSQL; longer is <c>query_timeout</c>. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "10 ms", "1 h")]
    public TimeSpan StatementTimeout { get; init; } = new QuerySessionOptions().StatementTimeout;

    /// <summary>Bytes of a query's text in UTF-8; a longer one is <c>invalid_request</c>. Default 64 KiB.</summary>
    [Range(64, 16 * 1024 * 1024)]
    public int QueryBytes { get; init; } = 64 * 1024;

    /// <summary>Reads of results under way at once, each on a database connection of its own; further ones wait. Default 4.</summary>
    [Range(1, 256)]
    public int ConcurrentReads { get; init; } = engine.ConcurrentReads;

    /// <summary>Queries read in one snapshot; further ones wait for the next. Default 100.</summary>
    [Range(1, 10_000)]
    public int ReadBatch { get; init; } = engine.ReadBatch;
}
