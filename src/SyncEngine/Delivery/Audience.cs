using SyncEngine.Changes;

namespace SyncEngine.Delivery;

/// <summary>Everything that shows one result: its attachments, how far its rows lag behind the stream, and the diffs for those that come back.</summary>
/// <remarks>Owned by the loop. There are many, and most have one attachment.</remarks>
sealed class Audience(int replayBytes)
{
    private ReplayLog? replay;

    public List<Attachment> Attachments { get; } = new(1);

    public bool IsEmpty => Attachments.Count == 0;

    public ReplayLog Replay => replay ??= new ReplayLog(replayBytes);

    /// <summary>The stream alone does not say the rows at present; set through <see cref="StreamSet"/>.</summary>
    public bool IsBehind { get; set; }

    /// <summary>While behind: the last cut at which the rows are right.</summary>
    public Lsn KnownUpTo { get; set; }

    public DateTimeOffset BehindSince { get; set; }

    /// <summary>An attachment waits for rows.</summary>
    public bool HasWaiting => Attachments.Exists(attachment => attachment.State != AttachmentState.Live);
}
