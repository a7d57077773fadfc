using System.ComponentModel.DataAnnotations;
using SyncEngine.Options;

namespace SyncEngine.Server.Options;

/// <summary>The delivery of frames, and the bounds of clients that fall behind.</summary>
sealed record DeliveryOptions
{
    public const string Section = "SyncEngine:Delivery";

    private static readonly EngineOptions engine = new();

    /// <summary>
    /// Bytes queued per connection before diffs of one key are merged and then the largest subscriptions are reset. Default 4 MiB.
    /// </summary>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int MaxQueuedBytes { get; init; } = engine.MaxQueuedBytes;

    /// <summary>The interval at which streams are sent the position while nothing that they show changes. Default 1 s.</summary>
    [Range(typeof(TimeSpan), "10 ms", "1 min")]
    public TimeSpan CutInterval { get; init; } = engine.CutInterval;

    /// <summary>About the size of one snapshot or diff frame; larger ones come in parts. Default 256 KiB.</summary>
    [Range(1024, 16 * 1024 * 1024)]
    public int ChunkBytes { get; init; } = engine.ChunkBytes;

    /// <summary>
    /// A stream with frames waiting whose client takes none for so long is closed with <c>slow_consumer</c>. Default 30 s.
    /// </summary>
    [Range(typeof(TimeSpan), "1 s", "1 h")]
    public TimeSpan StallTimeout { get; init; } = engine.StallTimeout;

    /// <summary>
    /// The time for which a slow read may hold back the other subscriptions of an open stream, before it is shown as stale. Default 1 s.
    /// </summary>
    [Range(typeof(TimeSpan), "0 s", "1 min")]
    public TimeSpan MaxHold { get; init; } = engine.MaxHold;
}
