using System.Buffers.Binary;

namespace SyncEngine.Changes.PgOutput;

/// <summary>Reads the fields of one message in order; a field that is cut off is a <see cref="MalformedMessageException"/>.</summary>
internal ref struct MessageCursor
{
    private readonly byte kind;
    private ReadOnlySpan<byte> rest;

    /// <param name="message">Begins with its kind.</param>
    public MessageCursor(ReadOnlySpan<byte> message, MessageKind expected)
    {
        if (message.IsEmpty)
        {
            throw new MalformedMessageException("it is empty");
        }

        kind = message[0];
        if (kind != (byte)expected)
        {
            throw new MalformedMessageException(kind, $"'{(char)expected}' was expected");
        }

        rest = message[1..];
    }

    public byte Byte() => Take(1)[0];

    public short Int16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    public uint UInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    public Lsn Lsn() => new(BinaryPrimitives.ReadUInt64BigEndian(Take(8)));

    /// <summary>The bytes up to a zero byte, which is passed.</summary>
    public ReadOnlySpan<byte> CString()
    {
        var length = rest.IndexOf((byte)0);
        if (length < 0)
        {
            throw new MalformedMessageException(kind, "a string does not end");
        }

        var text = rest[..length];
        rest = rest[(length + 1)..];
        return text;
    }

    public ReadOnlySpan<byte> Bytes(int length) =>
        length >= 0 ? Take(length) : throw new MalformedMessageException(kind, $"a field has {length} bytes");

    /// <summary>The bytes of one TupleData, walked to its end.</summary>
    public TupleData Tuple()
    {
        var start = rest;
        var count = Int16();
        if (count < 0)
        {
            throw new MalformedMessageException(kind, $"a tuple has {count} columns");
        }

        for (var i = 0; i < count; i++)
        {
            var column = (ColumnKind)Byte();
            if (column == ColumnKind.Text)
            {
                Bytes(Int32());
            }
            else if (column is not (ColumnKind.Null or ColumnKind.Unchanged))
            {
                throw new MalformedMessageException(kind, $"column {i} is of kind 0x{(byte)column:X2}");
            }
        }

        return new TupleData(start[..(start.Length - rest.Length)]);
    }

    public readonly void ExpectEnd()
    {
        if (!rest.IsEmpty)
        {
            throw new MalformedMessageException(kind, $"{rest.Length} bytes follow its end");
        }
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (rest.Length < length)
        {
            throw new MalformedMessageException(kind, $"{length} bytes were expected, {rest.Length} are left");
        }

        var taken = rest[..length];
        rest = rest[length..];
        return taken;
    }
}
