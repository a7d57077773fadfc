namespace SyncEngine.Postgres.Channels;

/// <summary>A message of a channel that the hub keeps.</summary>
/// <param name="Id">Rises along the channel, in the order of commits.</param>
/// <param name="Data">JSON text; null where it has none.</param>
/// <param name="Headers">JSON text of an object.</param>
/// <param name="Time">The time at which it was stored; without meaning before.</param>
public sealed record ChannelMessage(long Id, string Name, string? Data, string Headers, DateTimeOffset Time = default);

/// <summary>The messages of a channel after a position that one reader may see, in one snapshot.</summary>
/// <param name="Messages">In order. Empty when there is a gap.</param>
/// <param name="Position">The position to continue from: everything up to here that the reader may see has been read.</param>
/// <param name="IsComplete">No later message is stored that the reader may see.</param>
/// <param name="HasGap">Messages after the position are no longer stored, or the position is not one of this channel.</param>
/// <param name="DependsOnClaims">Row-level security applies: readers of one role may see different messages.</param>
public sealed record ChannelPage(IReadOnlyList<ChannelMessage> Messages, long Position, bool IsComplete, bool HasGap, bool DependsOnClaims);

/// <summary>
/// The first <paramref name="Stored"/> messages are stored; the next one was refused, unless <paramref name="Failure"/> is null.
/// </summary>
public sealed record StoreResult(int Stored, StoreFailure? Failure = null);

/// <param name="Code">PostgreSQL's SQLSTATE, or <c>unreachable</c>, <c>timeout</c>.</param>
/// <param name="Reason">For operators: no row values. With the SQL that would repair it, where there is one.</param>
public sealed record StoreFailure(StoreFailureKind Kind, string Code, string Reason);

public enum StoreFailureKind
{
    /// <summary>The database cannot be reached, or lacks connections, memory or space.</summary>
    Unavailable,

    /// <summary>The table is missing, or the engine may not write it.</summary>
    NotReady,

    /// <summary>PostgreSQL's types cannot hold this message.</summary>
    Unfit,
}
