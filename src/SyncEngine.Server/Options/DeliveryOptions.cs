using System.ComponentModel.DataAnnotations;

namespace SyncEngine.Server.Options;

/// <summary>How frames reach clients, and how far a client may fall behind.</summary>
sealed record DeliveryOptions
{
    public const string Section = "SyncEngine:Delivery";

    /// <summary>Bytes queued per connection before diffs of one key are merged and then the largest subscriptions are reset. Default 4 MiB.</summary>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int MaxQueuedBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>How often streams are told the position while nothing that they show changes. Default 1 s.</summary>
    [Duration("10 ms", "1 min")]
    public TimeSpan CutInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>About the size of one snapshot or diff frame; larger ones come in parts. Default 256 KiB.</summary>
    [Range(1024, 16 * 1024 * 1024)]
    public int ChunkBytes { get; init; } = 256 * 1024;

    /// <summary>A stream with frames waiting whose client takes none for so long is closed with <c>slow_consumer</c>. Default 30 s.</summary>
    [Duration("1 s", "1 h")]
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a slow read may hold back the other subscriptions of an open stream before it is shown as stale. Default 1 s.</summary>
    [Duration("0 s", "1 min")]
    public TimeSpan MaxHold { get; init; } = TimeSpan.FromSeconds(1);
}
