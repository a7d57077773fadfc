using System.Collections.Immutable;

namespace SyncEngine.Values;

/// <summary>Encodes rows that some of their own columns identify.</summary>
/// <param name="codecs">One per column.</param>
/// <param name="keyColumns">Indices of the key's columns, in the order of the key.</param>
public sealed class JsonRowEncoder(ImmutableArray<ColumnCodec> codecs, ImmutableArray<int> keyColumns) : RowEncoder
{
    private readonly RowContent content = new(codecs);
    private readonly Utf8Buffer key = new();

    public override void Begin() => content.Clear();

    public override void Add(ReadOnlySpan<byte> text, bool isNull) => content.Add(text, isNull);

    public override EncodedRow End()
    {
        byte[] json = [(byte)'[', .. content.Json, (byte)']'];
        key.Clear();
        key.Append((byte)'[');
        for (var i = 0; i < keyColumns.Length; i++)
        {
            if (i > 0)
            {
                key.Append((byte)',');
            }

            key.Append(content.Column(keyColumns[i]));
        }

        key.Append((byte)']');
        return new EncodedRow(new RowKey(key.Written.ToArray()), json);
    }
}
