using System.Globalization;
using System.Text;
using SyncEngine.Errors;

namespace SyncEngine.Sql;

/// <summary>Everything between quotes: names, strings, bit strings, and their escapes.</summary>
public sealed partial class Tokenizer
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Whether a quoted token begins here: a quote, or a letter that belongs to the quote after it.</summary>
    private bool BeginsQuoted(char first) => first switch
    {
        '\'' or '"' => true,
        'e' or 'E' or 'b' or 'B' or 'x' or 'X' or 'n' or 'N' => Ahead(1) == '\'',
        'u' or 'U' => Ahead(1) == '&' && Ahead(2) is '\'' or '"',
        _ => false,
    };

    private void Quoted()
    {
        var start = at;
        switch (text[at])
        {
            case '\'':
                Add(TokenKind.String, Segments(start, doubled: true), start);
                break;
            case '"':
                QuotedName(start);
                break;
            case 'e' or 'E':
                at++;
                Add(TokenKind.String, EscapedSegments(start), start);
                break;
            case 'b' or 'B':
                at++;
                Add(TokenKind.BitString, Segments(start, doubled: false), start);
                break;
            case 'x' or 'X':
                at++;
                Add(TokenKind.HexString, Segments(start, doubled: false), start);
                break;
            case 'n' or 'N':
                // N'…' is the type nchar before an ordinary string; the string is read next.
                at++;
                Add(TokenKind.Word, "nchar", start);
                break;
            default:
                at += 2;
                UnicodeQuoted(start);
                break;
        }
    }

    private void QuotedName(int start)
    {
        var name = NameBody(start);
        Add(TokenKind.QuotedName, CutToNameLength(name), start);
    }

    private void UnicodeQuoted(int start)
    {
        var isName = text[at] == '"';
        var bodyStart = at + 1;
        var body = isName ? NameBody(start) : Segments(start, doubled: true);
        var escape = UnicodeEscapeCharacter() ?? '\\';
        var value = DecodeUnicodeEscapes(body, escape, start, bodyStart);
        Add(isName ? TokenKind.QuotedName : TokenKind.String, isName ? CutToNameLength(value) : value, start);
    }

    /// <summary>Reads UESCAPE 'c' when it follows; null, and nothing read, when it does not.</summary>
    private char? UnicodeEscapeCharacter()
    {
        const string Keyword = "uescape";
        var before = at;
        if (!SkipBlanks() || !Ascii.EqualsIgnoreCase(text.AsSpan(at, Math.Min(Keyword.Length, text.Length - at)), Keyword) || IsNamePart(Ahead(Keyword.Length)))
        {
            at = before;
            return null;
        }

        var count = tokens.Count;
        var wordStart = at;
        at += Keyword.Length;
        if (!SkipBlanks() || !(text[at] == '\'' || text[at] == '$' || BeginsQuoted(text[at])))
        {
            throw SyntaxError("UESCAPE must be followed by a simple string literal", wordStart);
        }

        var literalStart = at;
        Next();
        var literal = tokens[^1];
        tokens.RemoveRange(count, tokens.Count - count);
        if (literal.Kind != TokenKind.String || text[literalStart] is 'u' or 'U')
        {
            throw SyntaxError("UESCAPE must be followed by a simple string literal", literalStart);
        }

        if (literal.Text.Length != 1 || literal.Text[0] >= 0x80 || char.IsAsciiHexDigit(literal.Text[0]) || literal.Text[0] is '+' or '\'' or '"' || IsSpace(literal.Text[0]))
        {
            throw SyntaxError("invalid Unicode escape character", literalStart);
        }

        return literal.Text[0];
    }

    /// <summary>From one double quote to the other, doubled ones made single.</summary>
    private string NameBody(int start)
    {
        var value = new StringBuilder();
        for (at++; ; at++)
        {
            if (at >= text.Length)
            {
                throw SyntaxError("unterminated quoted identifier", start, "Close the name with a double quote.");
            }

            if (text[at] == '"')
            {
                if (Ahead(1) != '"')
                {
                    break;
                }

                at++;
            }

            value.Append(text[at]);
        }

        at++;
        return value.Length > 0 ? value.ToString() : throw SyntaxError("zero-length delimited identifier at or near \"\"\"\"", start);
    }

    /// <summary>A string without escapes and what continues it on later lines.</summary>
    /// <param name="doubled">Two quotes are one; else (bit strings) the first quote ends it.</param>
    private string Segments(int start, bool doubled)
    {
        var value = new StringBuilder();
        do
        {
            for (at++; ; at++)
            {
                if (at >= text.Length)
                {
                    throw UnterminatedString(start);
                }

                if (text[at] == '\'')
                {
                    if (!doubled || Ahead(1) != '\'')
                    {
                        break;
                    }

                    at++;
                }

                value.Append(text[at]);
            }

            at++;
        }
        while (SkipToContinuation());
        return value.ToString();
    }

    /// <summary>
    /// Moves to the quote that continues a string: only white space and line comments with at least one line's end may lie between.
    /// </summary>
    private bool SkipToContinuation()
    {
        var before = at;
        var sawLineEnd = false;
        while (at < text.Length)
        {
            if (IsSpace(text[at]))
            {
                sawLineEnd |= text[at] is '\n' or '\r';
                at++;
            }
            else if (text[at] == '-' && Ahead(1) == '-')
            {
                SkipLine();
            }
            else
            {
                break;
            }
        }

        if (sawLineEnd && Ahead(0) == '\'')
        {
            return true;
        }

        at = before;
        return false;
    }

    private void DollarQuoted(string delimiter)
    {
        var start = at;
        var bodyStart = at + delimiter.Length;
        var end = text.IndexOf(delimiter, bodyStart, StringComparison.Ordinal);
        if (end < 0)
        {
            throw SyntaxError("unterminated dollar-quoted string", start, $"Close the string with {delimiter}.");
        }

        at = end + delimiter.Length;
        Add(TokenKind.String, text[bodyStart..end], start);
    }

    /// <summary>E'…': the value is built as bytes, since \x and octal escapes write bytes, which must be UTF-8 in the end.</summary>
    private string EscapedSegments(int start)
    {
        var value = new List<byte>();
        do
        {
            at++;
            while (true)
            {
                if (at >= text.Length)
                {
                    throw UnterminatedString(start);
                }

                if (text[at] == '\'')
                {
                    if (Ahead(1) != '\'')
                    {
                        break;
                    }

                    value.Add((byte)'\'');
                    at += 2;
                }
                else if (text[at] == '\\')
                {
                    Escape(value, start);
                }
                else
                {
                    AppendCharacter(value);
                }
            }

            at++;
        }
        while (SkipToContinuation());

        try
        {
            var decoded = StrictUtf8.GetString([.. value]);
            if (!decoded.Contains('\0', StringComparison.Ordinal))
            {
                return decoded;
            }
        }
        catch (DecoderFallbackException)
        {
            // Told below, as the NUL is.
        }

        throw SyntaxError("invalid byte sequence for encoding \"UTF8\" in an escape string", start, "Let the escapes spell whole UTF-8 characters, none of them NUL.");
    }

    private void Escape(List<byte> value, int start)
    {
        var escapeStart = at;
        at++;
        if (at >= text.Length)
        {
            throw UnterminatedString(start);
        }

        switch (text[at])
        {
            case 'b': Byte('\b'); break;
            case 'f': Byte('\f'); break;
            case 'n': Byte('\n'); break;
            case 'r': Byte('\r'); break;
            case 't': Byte('\t'); break;
            case 'v':
                // 15 reads a plain v, later versions a vertical tab.
                throw new SyncException(ErrorCode.SqlUnsupported, "the escape \\v differs between versions of PostgreSQL", hint: "Write \\x0b for a vertical tab.") { Position = PositionOf(escapeStart) };
            case >= '0' and <= '7':
                value.Add((byte)Digits(3, 8));
                break;
            case 'x' when char.IsAsciiHexDigit(Ahead(1)):
                at++;
                value.Add((byte)Digits(2, 16));
                break;
            case 'u' or 'U':
                UnicodeEscape(value, escapeStart);
                break;
            default:
                AppendCharacter(value);
                break;
        }

        void Byte(char character)
        {
            value.Add((byte)character);
            at++;
        }
    }

    /// <summary>\uXXXX or \UXXXXXXXX, with its other half when it is half of a surrogate pair.</summary>
    private void UnicodeEscape(List<byte> value, int escapeStart)
    {
        var code = UnicodeDigits(escapeStart);
        if (code is >= 0xD800 and <= 0xDBFF)
        {
            var secondStart = at;
            if (Ahead(0) != '\\' || Ahead(1) is not ('u' or 'U'))
            {
                throw SyntaxError("invalid Unicode surrogate pair", escapeStart);
            }

            at++;
            var second = UnicodeDigits(secondStart);
            code = second is >= 0xDC00 and <= 0xDFFF
                ? 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00)
                : throw SyntaxError("invalid Unicode surrogate pair", escapeStart);
        }

        AppendRune(value, code, escapeStart);
    }

    private uint UnicodeDigits(int escapeStart)
    {
        var length = text[at] == 'u' ? 4 : 8;
        at++;
        if (at + length > text.Length || !uint.TryParse(text.AsSpan(at, length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
        {
            throw SyntaxError("invalid Unicode escape", escapeStart, "Unicode escapes must be \\uXXXX or \\UXXXXXXXX.");
        }

        at += length;
        return code;
    }

    private void AppendRune(List<byte> value, uint code, int offset)
    {
        if (code == 0 || !Rune.TryCreate(code, out var rune))
        {
            throw code is >= 0xDC00 and <= 0xDFFF
                ? SyntaxError("invalid Unicode surrogate pair", offset)
                : SyntaxError("invalid Unicode escape value", offset);
        }

        Span<byte> bytes = stackalloc byte[4];
        value.AddRange(bytes[..rune.EncodeToUtf8(bytes)]);
    }

    private void AppendCharacter(List<byte> value)
    {
        var rune = Rune.GetRuneAt(text, at);
        Span<byte> bytes = stackalloc byte[4];
        value.AddRange(bytes[..rune.EncodeToUtf8(bytes)]);
        at += rune.Utf16SequenceLength;
    }

    private int Digits(int most, int radix)
    {
        var number = 0;
        for (var count = 0; count < most && (radix == 16 ? char.IsAsciiHexDigit(Ahead(0)) : Ahead(0) is >= '0' and <= '7'); count++, at++)
        {
            number = (number * radix) + Convert.ToInt32(text[at].ToString(), 16);
        }

        return number;
    }

    /// <summary>U&amp;'…' and U&amp;"…": \XXXX, \+XXXXXX and the doubled escape character.</summary>
    private string DecodeUnicodeEscapes(string body, char escape, int start, int bodyStart)
    {
        var value = new StringBuilder(body.Length);
        uint pending = 0;
        for (var index = 0; index < body.Length;)
        {
            // The body's offset is the text's only while nothing was doubled before it; near enough to find the place.
            var offset = Math.Min(bodyStart + index, text.Length);
            if (body[index] != escape || (index + 1 < body.Length && body[index + 1] == escape))
            {
                if (pending != 0)
                {
                    throw SyntaxError("invalid Unicode surrogate pair", offset);
                }

                value.Append(body[index]);
                index += body[index] == escape ? 2 : 1;
                continue;
            }

            var (skip, length) = index + 1 < body.Length && body[index + 1] == '+' ? (2, 6) : (1, 4);
            if (index + skip + length > body.Length
                || !uint.TryParse(body.AsSpan(index + skip, length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
            {
                throw SyntaxError("invalid Unicode escape", offset, $"Unicode escapes must be {escape}XXXX or {escape}+XXXXXX.");
            }

            index += skip + length;
            if (pending != 0)
            {
                if (code is not (>= 0xDC00 and <= 0xDFFF))
                {
                    throw SyntaxError("invalid Unicode surrogate pair", offset);
                }

                code = 0x10000 + ((pending - 0xD800) << 10) + (code - 0xDC00);
                pending = 0;
            }
            else if (code is >= 0xD800 and <= 0xDBFF)
            {
                pending = code;
                continue;
            }

            if (code == 0 || !Rune.TryCreate(code, out var rune))
            {
                throw SyntaxError(code is >= 0xDC00 and <= 0xDFFF ? "invalid Unicode surrogate pair" : "invalid Unicode escape value", offset);
            }

            value.Append(rune.ToString());
        }

        return pending == 0 ? value.ToString() : throw SyntaxError("invalid Unicode surrogate pair", start);
    }

    private SyncException UnterminatedString(int start) =>
        SyntaxError("unterminated quoted string", start, "Close the string with a single quote; inside it a quote is written twice.");
}
