using System.ComponentModel.DataAnnotations;

namespace SyncEngine.Server.Options;

/// <summary>How long subscriptions live, what is held for clients that come back, and how results are checked.</summary>
sealed record SubscriptionOptions
{
    public const string Section = "SyncEngine:Subscriptions";

    /// <summary>A subscription that nobody streams is dropped after this. Default 2 min.</summary>
    [Duration("1 s", "1 d")]
    public TimeSpan Unattended { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long diffs are held for clients that come back; after a longer absence they get a new snapshot. Default 2 min.</summary>
    [Duration("0 s", "1 d")]
    public TimeSpan ReplayWindow { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Bytes of diffs held per result; older ones go first. Default 1 MiB.</summary>
    [Range(0, 1024 * 1024 * 1024)]
    public int ReplayBytes { get; init; } = 1024 * 1024;

    /// <summary>How often queries that read the clock are looked at again. Default 1 s.</summary>
    [Duration("100 ms", "1 h")]
    public TimeSpan ClockInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often one live result, picked in turn, is read again, compared and mended; 0 s for never. Default 30 s.</summary>
    [Duration("0 s", "1 d")]
    public TimeSpan AuditInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Queries per table that no equality indexes, each tried against every change; later ones use requery. Default 2,000.</summary>
    [Range(0, 1_000_000)]
    public int ScannedQueriesPerTable { get; init; } = 2_000;
}
