namespace SyncEngine.Values.Codecs;

/// <summary>int2vector and oidvector: arrays to to_json, though their text is <c>1 2 3</c>.</summary>
sealed class VectorCodec : ColumnCodec
{
    public const uint Int2VectorOid = 22, OidVectorOid = 30;

    public static readonly VectorCodec OfNumbers = new(NumberCodec.Instance);
    public static readonly VectorCodec OfStrings = new(StringCodec.Instance);

    private readonly ColumnCodec element;

    private VectorCodec(ColumnCodec element)
    {
        this.element = element;
    }

    public override void Write(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        output.Append((byte)'[');
        var isFirst = true;
        foreach (var range in text.Split((byte)' '))
        {
            if (text[range].IsEmpty)
            {
                continue;
            }

            if (!isFirst)
            {
                output.Append((byte)',');
            }

            isFirst = false;
            element.Write(text[range], output);
        }

        output.Append((byte)']');
    }
}
