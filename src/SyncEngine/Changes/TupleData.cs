namespace SyncEngine.Changes;

public enum ColumnKind : byte
{
    Null = (byte)'n',

    /// <summary>An out-of-line value that the UPDATE did not touch; it is not in the message.</summary>
    Unchanged = (byte)'u',

    Text = (byte)'t',
}

/// <summary>The place of one column's text inside its tuple.</summary>
public readonly record struct ColumnSlice(ColumnKind Kind, int Offset, int Length);

/// <summary>One row image as pgoutput sent it, not copied: text columns over the message's bytes. Valid while those bytes are.</summary>
/// <remarks>https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html (TupleData)</remarks>
public readonly ref struct TupleData(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> bytes = bytes;

    /// <summary>No such image in the change.</summary>
    public bool IsAbsent => bytes.IsEmpty;

    public int ColumnCount => System.Buffers.Binary.BinaryPrimitives.ReadInt16BigEndian(bytes);

    public ReadOnlySpan<byte> Text(ColumnSlice slice) => bytes.Slice(slice.Offset, slice.Length);

    /// <summary>Finds every column once.</summary>
    /// <param name="slices">At least <see cref="ColumnCount"/> entries.</param>
    /// <returns>The number of entries that were set.</returns>
    public int Locate(Span<ColumnSlice> slices)
    {
        var count = ColumnCount;
        var offset = 2;
        for (var i = 0; i < count; i++)
        {
            var kind = (ColumnKind)bytes[offset++];
            if (kind == ColumnKind.Text)
            {
                var length = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(bytes[offset..]);
                offset += 4;
                slices[i] = new ColumnSlice(kind, offset, length);
                offset += length;
            }
            else
            {
                slices[i] = new ColumnSlice(kind, offset, 0);
            }
        }

        return count;
    }
}
