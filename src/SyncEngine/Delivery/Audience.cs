using SyncEngine.Changes;

namespace SyncEngine.Delivery;

/// <summary>The attachments that show one result, the lag of its rows behind the stream, and diffs for clients that return.</summary>
/// <remarks>Owned by the loop. There are many, and most have one attachment.</remarks>
sealed class Audience(int replayBytes)
{
    private ReplayLog? replay;

    public List<Attachment> Attachments { get; } = new(1);

    public bool IsEmpty => Attachments.Count == 0;

    public ReplayLog Replay => replay ??= new ReplayLog(replayBytes);

    /// <summary>The rows are those of an earlier cut, and a read has to bring newer ones; set through <see cref="StreamSet"/>.</summary>
    public bool IsBehind { get; set; }

    /// <summary>While behind: the last cut at which the rows are right.</summary>
    public Lsn KnownUpTo { get; set; }

    public DateTimeOffset BehindSince { get; set; }

    /// <summary>An attachment waits for rows.</summary>
    public bool HasWaiting => Attachments.Exists(attachment => attachment.State != AttachmentState.Live);
}
