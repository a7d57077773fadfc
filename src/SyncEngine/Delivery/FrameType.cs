using System.Diagnostics;

namespace SyncEngine.Delivery;

/// <summary>The types of frames, a closed set; docs/PROTOCOL.md describes each.</summary>
public enum FrameType
{
    Snapshot,
    Live,
    Diff,
    Cut,
    Stale,
    Reset,
    Error,

    /// <summary>A message of one of the hub's channels.</summary>
    Message,
}

/// <summary>The names of frame types on the wire.</summary>
public static class FrameTypes
{
    /// <summary>The value of the member <c>type</c>, in ASCII.</summary>
    public static ReadOnlySpan<byte> Name(this FrameType type) => type switch
    {
        FrameType.Snapshot => "snapshot"u8,
        FrameType.Live => "live"u8,
        FrameType.Diff => "diff"u8,
        FrameType.Cut => "cut"u8,
        FrameType.Stale => "stale"u8,
        FrameType.Reset => "reset"u8,
        FrameType.Error => "error"u8,
        FrameType.Message => "message"u8,
        _ => throw new UnreachableException(),
    };
}
