using System.Buffers;

namespace SyncEngine.Values.Codecs;

/// <summary>Arrays of any dimension. Lower bounds (<c>[0:1]={1,2}</c>) are left out, as to_json does.</summary>
/// <remarks>https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO</remarks>
sealed class ArrayCodec(ColumnCodec element, byte delimiter) : ColumnCodec
{
    public override void Write(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        // Bounds contain no brace, so the first one opens the array.
        var rest = text[text.IndexOf((byte)'{')..];
        while (!rest.IsEmpty)
        {
            switch (rest[0])
            {
                case (byte)'{':
                    output.Append((byte)'[');
                    rest = rest[1..];
                    break;
                case (byte)'}':
                    output.Append((byte)']');
                    rest = rest[1..];
                    break;
                case (byte)'"':
                    rest = rest[WriteQuoted(rest, output)..];
                    break;
                case var other when other == delimiter:
                    output.Append((byte)',');
                    rest = rest[1..];
                    break;
                default:
                    var length = rest.IndexOfAny(delimiter, (byte)'}');
                    WriteBare(rest[..length], output);
                    rest = rest[length..];
                    break;
            }
        }
    }

    // A text element "NULL" is always quoted, so the bare word is the null.
    private void WriteBare(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        if (text.SequenceEqual("NULL"u8))
        {
            output.Append("null"u8);
        }
        else
        {
            element.Write(text, output);
        }
    }

    /// <summary>Returns how many bytes the quoted element takes, quotes included.</summary>
    private int WriteQuoted(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        var inner = text[1..];
        var end = inner.IndexOfAny((byte)'"', (byte)'\\');
        if (inner[end] == (byte)'"')
        {
            element.Write(inner[..end], output);
            return end + 2;
        }

        var plain = ArrayPool<byte>.Shared.Rent(inner.Length);
        var length = 0;
        var read = 0;
        while (inner[read] != (byte)'"')
        {
            if (inner[read] == (byte)'\\')
            {
                read++;
            }

            plain[length++] = inner[read++];
        }

        element.Write(plain.AsSpan(0, length), output);
        ArrayPool<byte>.Shared.Return(plain);
        return read + 2;
    }
}
