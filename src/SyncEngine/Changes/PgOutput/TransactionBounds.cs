namespace SyncEngine.Changes.PgOutput;

/// <summary>Begin: the commit that is to come is known already, since a transaction is sent when it has committed.</summary>
/// <param name="CommitLsn">The beginning of the commit record.</param>
/// <param name="Xid">The low 32 bits of the top-level transaction id.</param>
public readonly record struct BeginMessage(Lsn CommitLsn, long CommitTimeMicroseconds, uint Xid)
{
    public static BeginMessage Parse(ReadOnlySpan<byte> message)
    {
        var cursor = new MessageCursor(message, MessageKind.Begin);
        var begin = new BeginMessage(cursor.Lsn(), cursor.Int64(), cursor.UInt32());
        cursor.ExpectEnd();
        return begin;
    }
}

/// <summary>Commit.</summary>
/// <param name="EndLsn">The position right after the commit record.</param>
public readonly record struct CommitMessage(Lsn CommitLsn, Lsn EndLsn, long CommitTimeMicroseconds)
{
    public static CommitMessage Parse(ReadOnlySpan<byte> message)
    {
        var cursor = new MessageCursor(message, MessageKind.Commit);
        cursor.Byte();
        var commit = new CommitMessage(cursor.Lsn(), cursor.Lsn(), cursor.Int64());
        cursor.ExpectEnd();
        return commit;
    }
}

/// <summary>Origin: the transaction came from another server.</summary>
public readonly ref struct OriginMessage
{
    public Lsn CommitLsn { get; private init; }

    /// <summary>UTF-8.</summary>
    public ReadOnlySpan<byte> Name { get; private init; }

    public static OriginMessage Parse(ReadOnlySpan<byte> message)
    {
        var cursor = new MessageCursor(message, MessageKind.Origin);
        var origin = new OriginMessage { CommitLsn = cursor.Lsn(), Name = cursor.CString() };
        cursor.ExpectEnd();
        return origin;
    }
}
