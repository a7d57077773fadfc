using System.Buffers.Binary;

namespace SyncEngine.Changes.PgOutput;

[Flags]
public enum TruncateOptions : byte
{
    None = 0,
    Cascade = 1,
    RestartIdentity = 2,
}

/// <summary>Truncate: one message for all tables of the statement, over the message's bytes.</summary>
public readonly ref struct TruncateMessage
{
    private readonly ReadOnlySpan<byte> oids;

    private TruncateMessage(TruncateOptions options, ReadOnlySpan<byte> oids)
    {
        Options = options;
        this.oids = oids;
    }

    public TruncateOptions Options { get; }

    public int Count => oids.Length / 4;

    public uint this[int index] => BinaryPrimitives.ReadUInt32BigEndian(oids[(index * 4)..]);

    public static TruncateMessage Parse(ReadOnlySpan<byte> message)
    {
        var cursor = new MessageCursor(message, MessageKind.Truncate);
        var count = cursor.Int32();
        var options = (TruncateOptions)cursor.Byte();
        if (count is < 0 or > int.MaxValue / 4)
        {
            throw new MalformedMessageException((byte)MessageKind.Truncate, $"it has {count} relations");
        }

        var truncate = new TruncateMessage(options, cursor.Bytes(count * 4));
        cursor.ExpectEnd();
        return truncate;
    }
}
