using SyncEngine.Changes;

namespace SyncEngine.Delivery;

enum AttachmentState
{
    /// <summary>Waits for a snapshot, or for a replay from <see cref="Attachment.From"/>.</summary>
    Joining,

    /// <summary>Its rows are those of the stream's cut.</summary>
    Live,

    /// <summary>Its rows are those of an earlier cut, and the client has been sent <c>stale</c>.</summary>
    Stale,
}

/// <summary>One subscription on one stream. Owned by the loop.</summary>
sealed class Attachment(string subscriptionId, Audience audience, ClientStream stream)
{
    public string SubscriptionId { get; } = subscriptionId;

    public Audience Audience { get; } = audience;

    public ClientStream Stream { get; } = stream;

    public AttachmentState State { get; set; } = AttachmentState.Joining;

    /// <summary>The last cut that the client has applied, while joining by replay.</summary>
    public Lsn? From { get; set; }

    /// <summary>The client has been sent <c>stale</c> since its rows were last right.</summary>
    public bool IsMarkedStale { get; set; }

    /// <summary>While set, the stream sends no cut above it, so that this attachment can join at a cut not yet sent.</summary>
    public Lsn? HoldAt { get; set; }

    public DateTimeOffset HoldUntil { get; set; }
}
