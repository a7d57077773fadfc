using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace SyncEngine.Values.Codecs;

/// <summary>Writes text as a JSON string with the escapes that PostgreSQL's escape_json uses.</summary>
static class JsonString
{
    private static readonly SearchValues<byte> escaped =
        SearchValues.Create([(byte)'"', (byte)'\\', .. Enumerable.Range(0, ' ').Select(code => (byte)code)]);

    public static void Write(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        output.Append((byte)'"');
        if (Utf8.IsValid(text))
        {
            WriteEscaped(text, output);
        }
        else
        {
            WriteRepaired(text, output);
        }

        output.Append((byte)'"');
    }

    private static void WriteEscaped(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        while (true)
        {
            var next = text.IndexOfAny(escaped);
            if (next < 0)
            {
                output.Append(text);
                return;
            }

            output.Append(text[..next]);
            WriteEscape(text[next], output);
            text = text[(next + 1)..];
        }
    }

    private static void WriteEscape(byte value, Utf8Buffer output)
    {
        switch (value)
        {
            case (byte)'"':
                output.Append("\\\""u8);
                break;
            case (byte)'\\':
                output.Append("\\\\"u8);
                break;
            case (byte)'\b':
                output.Append("\\b"u8);
                break;
            case (byte)'\f':
                output.Append("\\f"u8);
                break;
            case (byte)'\n':
                output.Append("\\n"u8);
                break;
            case (byte)'\r':
                output.Append("\\r"u8);
                break;
            case (byte)'\t':
                output.Append("\\t"u8);
                break;
            default:
                output.Append("\\u00"u8);
                output.Append("0123456789abcdef"u8[value >> 4]);
                output.Append("0123456789abcdef"u8[value & 15]);
                break;
        }
    }

    // A database in encoding SQL_ASCII, and "char" before PostgreSQL 16, can contain bytes that are not UTF-8.
    // One of them must not make a whole frame unreadable.
    private static void WriteRepaired(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        while (!text.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(text, out _, out var consumed);
            if (status == OperationStatus.Done)
            {
                WriteEscaped(text[..consumed], output);
            }
            else
            {
                output.Append("\uFFFD"u8);
            }

            text = text[consumed..];
        }
    }
}
