namespace SyncEngine.Values.Codecs;

/// <summary>int2, int4, float4, float8: the text is a JSON number, but for NaN, Infinity and -Infinity, which are strings.</summary>
sealed class NumberCodec : ColumnCodec
{
    public static readonly NumberCodec Instance = new();

    public override void Write(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        if (text is [.., >= (byte)'0' and <= (byte)'9'])
        {
            output.Append(text);
        }
        else
        {
            JsonString.Write(text, output);
        }
    }
}

/// <summary>int8, numeric: a string, because JavaScript's numbers have 53 bits. The text needs no escapes.</summary>
sealed class ExactNumberCodec : ColumnCodec
{
    public static readonly ExactNumberCodec Instance = new();

    public override void Write(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        output.Append((byte)'"');
        output.Append(text);
        output.Append((byte)'"');
    }
}
