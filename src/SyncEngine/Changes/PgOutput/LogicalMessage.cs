namespace SyncEngine.Changes.PgOutput;

/// <summary>Message: what <c>pg_logical_emit_message</c> wrote, over the message's bytes.</summary>
public readonly ref struct LogicalMessage
{
    private const byte TransactionalFlag = 1;

    /// <summary>It belongs to a transaction and came only because that committed.</summary>
    public bool IsTransactional { get; private init; }

    public Lsn Lsn { get; private init; }

    /// <summary>UTF-8.</summary>
    public ReadOnlySpan<byte> Prefix { get; private init; }

    public ReadOnlySpan<byte> Content { get; private init; }

    public static LogicalMessage Parse(ReadOnlySpan<byte> message)
    {
        var cursor = new MessageCursor(message, MessageKind.Message);
        var flags = cursor.Byte();
        var lsn = cursor.Lsn();
        var prefix = cursor.CString();
        var logical = new LogicalMessage
        {
            IsTransactional = (flags & TransactionalFlag) != 0,
            Lsn = lsn,
            Prefix = prefix,
            Content = cursor.Bytes(cursor.Int32()),
        };
        cursor.ExpectEnd();
        return logical;
    }
}
