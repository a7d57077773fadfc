using SyncEngine.Changes;
using SyncEngine.LiveQueries;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine.Delivery;

enum AttachmentState
{
    /// <summary>Waits for a snapshot, or for a replay from <see cref="Attachment.From"/>.</summary>
    Joining,

    /// <summary>Its rows are those of the stream's cut.</summary>
    Live,

    /// <summary>Its rows are those of an earlier cut, and the client was told so.</summary>
    Stale,
}

/// <summary>One subscription on one stream. Owned by the change processor.</summary>
sealed class Attachment(Subscription subscription, LiveQuery query, ClientStream stream)
{
    public Subscription Subscription { get; } = subscription;

    public LiveQuery Query { get; } = query;

    public ClientStream Stream { get; } = stream;

    public AttachmentState State { get; set; } = AttachmentState.Joining;

    /// <summary>The last cut that the client has applied, while joining by replay.</summary>
    public Lsn? From { get; set; }

    /// <summary>The client was told that the query fails at present.</summary>
    public bool IsToldStale { get; set; }

    /// <summary>While set, the stream tells no cut above it, so that this attachment can join at a cut not yet told.</summary>
    public Lsn? HoldAt { get; set; }

    public DateTimeOffset HoldUntil { get; set; }
}
