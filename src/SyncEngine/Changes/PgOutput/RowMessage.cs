using System.Buffers.Binary;

namespace SyncEngine.Changes.PgOutput;

/// <summary>The old image that a change carries.</summary>
public enum OldTupleKind : byte
{
    /// <summary>None: an INSERT, or an UPDATE that left the key alone.</summary>
    None,

    /// <summary>Only the replica identity's columns have values; the others are null without being NULL.</summary>
    Key = (byte)'K',

    /// <summary>The whole old row (REPLICA IDENTITY FULL).</summary>
    Full = (byte)'O',
}

/// <summary>Insert, Update or Delete, over the message's bytes.</summary>
public readonly ref struct RowMessage
{
    private const byte NewTupleMark = (byte)'N';

    public uint RelationOid { get; private init; }

    public OldTupleKind OldKind { get; private init; }

    public TupleData Old { get; private init; }

    public TupleData New { get; private init; }

    /// <summary>The relation of a row message, without its tuples.</summary>
    public static uint PeekRelation(ReadOnlySpan<byte> message) => message.Length >= 5
        ? BinaryPrimitives.ReadUInt32BigEndian(message[1..])
        : throw new MalformedMessageException(message.IsEmpty ? (byte)0 : message[0], $"it has only {message.Length} bytes");

    public static RowMessage ParseInsert(ReadOnlySpan<byte> message)
    {
        var cursor = new MessageCursor(message, MessageKind.Insert);
        var oid = cursor.UInt32();
        Expect(MessageKind.Insert, cursor.Byte());
        var insert = new RowMessage { RelationOid = oid, New = cursor.Tuple() };
        cursor.ExpectEnd();
        return insert;
    }

    public static RowMessage ParseUpdate(ReadOnlySpan<byte> message)
    {
        var cursor = new MessageCursor(message, MessageKind.Update);
        var oid = cursor.UInt32();
        var mark = cursor.Byte();
        var oldKind = OldTupleKind.None;
        TupleData old = default;
        if (mark is (byte)OldTupleKind.Key or (byte)OldTupleKind.Full)
        {
            oldKind = (OldTupleKind)mark;
            old = cursor.Tuple();
            mark = cursor.Byte();
        }

        Expect(MessageKind.Update, mark);
        var update = new RowMessage { RelationOid = oid, OldKind = oldKind, Old = old, New = cursor.Tuple() };
        cursor.ExpectEnd();
        return update;
    }

    public static RowMessage ParseDelete(ReadOnlySpan<byte> message)
    {
        var cursor = new MessageCursor(message, MessageKind.Delete);
        var oid = cursor.UInt32();
        var mark = cursor.Byte();
        if (mark is not ((byte)OldTupleKind.Key or (byte)OldTupleKind.Full))
        {
            throw new MalformedMessageException((byte)MessageKind.Delete, $"0x{mark:X2} stands where an old tuple begins");
        }

        var delete = new RowMessage { RelationOid = oid, OldKind = (OldTupleKind)mark, Old = cursor.Tuple() };
        cursor.ExpectEnd();
        return delete;
    }

    private static void Expect(MessageKind kind, byte mark)
    {
        if (mark != NewTupleMark)
        {
            throw new MalformedMessageException((byte)kind, $"0x{mark:X2} stands where the new tuple begins");
        }
    }
}
