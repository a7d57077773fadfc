using System.Globalization;
using System.Text;
using SyncEngine.Errors;

namespace SyncEngine.Sql.Lexing;

/// <summary>
/// Reads E'…'. The value is built as bytes, since \x and octal escapes write bytes, which must be UTF-8 in the end.
/// </summary>
/// <param name="start">The offset of the token, for errors about the string as a whole.</param>
sealed class EscapeStringReader(TextCursor cursor, int start)
{
    private static readonly UTF8Encoding strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly List<byte> value = [];

    public string Read()
    {
        do
        {
            ReadSegment();
        }
        while (BlankReader.SkipToContinuation(cursor));
        return Decoded();
    }

    private void ReadSegment()
    {
        cursor.At++;
        while (true)
        {
            if (cursor.IsAtEnd)
            {
                throw QuoteReader.Unterminated(cursor, start);
            }

            if (cursor.Current == '\\')
            {
                ReadEscape();
            }
            else if (cursor.Current != '\'')
            {
                AppendCharacter();
            }
            else if (cursor.Ahead(1) == '\'')
            {
                value.Add((byte)'\'');
                cursor.At += 2;
            }
            else
            {
                cursor.At++;
                return;
            }
        }
    }

    private void ReadEscape()
    {
        var escapeStart = cursor.At;
        cursor.At++;
        if (cursor.IsAtEnd)
        {
            throw QuoteReader.Unterminated(cursor, start);
        }

        switch (cursor.Current)
        {
            case 'b': Append('\b'); break;
            case 'f': Append('\f'); break;
            case 'n': Append('\n'); break;
            case 'r': Append('\r'); break;
            case 't': Append('\t'); break;
            case 'v':
                // PostgreSQL 15 reads a plain v, later versions a vertical tab.
                throw new SyncException(
                    ErrorCode.SqlUnsupported,
                    "the escape \\v differs between versions of PostgreSQL",
                    hint: "Write \\x0b for a vertical tab.")
                {
                    Position = cursor.PositionOf(escapeStart),
                };
            case >= '0' and <= '7':
                value.Add((byte)ReadNumber(3, 8));
                break;
            case 'x' when char.IsAsciiHexDigit(cursor.Ahead(1)):
                cursor.At++;
                value.Add((byte)ReadNumber(2, 16));
                break;
            case 'u' or 'U':
                ReadUnicodeEscape(escapeStart);
                break;
            default:
                AppendCharacter();
                break;
        }
    }

    /// <summary>\uXXXX or \UXXXXXXXX, with its other half when it is half of a surrogate pair.</summary>
    private void ReadUnicodeEscape(int escapeStart)
    {
        var code = ReadCode(escapeStart);
        if (code is >= 0xD800 and <= 0xDBFF)
        {
            var secondStart = cursor.At;
            if (cursor.Ahead(0) != '\\' || cursor.Ahead(1) is not ('u' or 'U'))
            {
                throw cursor.SyntaxError("invalid Unicode surrogate pair", escapeStart);
            }

            cursor.At++;
            code = UnicodeCodes.Pair(code, ReadCode(secondStart))
                ?? throw cursor.SyntaxError("invalid Unicode surrogate pair", escapeStart);
        }

        Append(UnicodeCodes.Rune(cursor, code, escapeStart));
    }

    private uint ReadCode(int escapeStart)
    {
        var length = cursor.Current == 'u' ? 4 : 8;
        cursor.At++;
        if (UnicodeCodes.Parse(cursor.Text, cursor.At, length) is not { } code)
        {
            throw cursor.SyntaxError("invalid Unicode escape", escapeStart, "Unicode escapes must be \\uXXXX or \\UXXXXXXXX.");
        }

        cursor.At += length;
        return code;
    }

    private int ReadNumber(int maxDigits, int radix)
    {
        var number = 0;
        for (var count = 0; count < maxDigits && IsDigit(cursor.Ahead(0), radix); count++, cursor.At++)
        {
            var digit = cursor.Text.AsSpan(cursor.At, 1);
            number = (number * radix) + int.Parse(digit, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        }

        return number;
    }

    private static bool IsDigit(char character, int radix) =>
        radix == 16 ? char.IsAsciiHexDigit(character) : character is >= '0' and <= '7';

    private void AppendCharacter()
    {
        var rune = Rune.GetRuneAt(cursor.Text, cursor.At);
        Append(rune);
        cursor.At += rune.Utf16SequenceLength;
    }

    private void Append(char control)
    {
        value.Add((byte)control);
        cursor.At++;
    }

    private void Append(Rune rune)
    {
        Span<byte> bytes = stackalloc byte[4];
        value.AddRange(bytes[..rune.EncodeToUtf8(bytes)]);
    }

    private string Decoded()
    {
        try
        {
            var decoded = strictUtf8.GetString([.. value]);
            if (!decoded.Contains('\0', StringComparison.Ordinal))
            {
                return decoded;
            }
        }
        catch (DecoderFallbackException)
        {
            // Reported below, as NUL is.
        }

        throw cursor.SyntaxError(
            "invalid byte sequence for encoding \"UTF8\" in an escape string",
            start,
            "Let the escapes spell whole UTF-8 characters, none of them NUL.");
    }
}
