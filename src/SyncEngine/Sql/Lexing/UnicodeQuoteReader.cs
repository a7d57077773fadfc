using System.Text;

namespace SyncEngine.Sql.Lexing;

/// <summary>Reads U&amp;'…' and U&amp;"…", with the UESCAPE that may follow.</summary>
static class UnicodeQuoteReader
{
    private const string EscapeKeyword = "uescape";
    private const char DefaultEscape = '\\';

    public static Token Read(TextCursor cursor)
    {
        var start = cursor.At;
        cursor.At += 2;
        var isName = cursor.Current == '"';
        var bodyStart = cursor.At + 1;
        var body = isName ? QuoteReader.NameBody(cursor, start) : QuoteReader.Body(cursor, start, isDoubled: true);
        var value = Decode(cursor, body, ReadEscapeCharacter(cursor) ?? DefaultEscape, start, bodyStart);
        return isName
            ? cursor.Token(TokenKind.QuotedName, LexicalRules.TruncateName(value), start)
            : cursor.Token(TokenKind.String, value, start);
    }

    /// <summary>Reads UESCAPE 'c' when it follows; null, and nothing read, when it does not.</summary>
    private static char? ReadEscapeCharacter(TextCursor cursor)
    {
        var before = cursor.At;
        if (!BlankReader.Skip(cursor) || !IsEscapeKeyword(cursor))
        {
            cursor.At = before;
            return null;
        }

        var wordStart = cursor.At;
        cursor.At += EscapeKeyword.Length;
        if (!BlankReader.Skip(cursor) || !(cursor.Current == '$' || QuoteReader.Begins(cursor)))
        {
            throw NotALiteral(cursor, wordStart);
        }

        var start = cursor.At;
        var isUnicode = cursor.Current is 'u' or 'U';
        var literal = cursor.Current == '$' ? DollarReader.Read(cursor) : QuoteReader.Read(cursor);
        if (literal.Kind != TokenKind.String || isUnicode)
        {
            throw NotALiteral(cursor, start);
        }

        return literal.Text is [var escape] && MayEscape(escape)
            ? escape
            : throw cursor.SyntaxError("invalid Unicode escape character", start);
    }

    private static bool IsEscapeKeyword(TextCursor cursor) =>
        Ascii.EqualsIgnoreCase(cursor.Text.AsSpan(cursor.At, Math.Min(EscapeKeyword.Length, cursor.Text.Length - cursor.At)), EscapeKeyword)
        && !LexicalRules.IsNamePart(cursor.Ahead(EscapeKeyword.Length));

    private static bool MayEscape(char character) =>
        character < 0x80 && !char.IsAsciiHexDigit(character) && character is not ('+' or '\'' or '"') && !LexicalRules.IsSpace(character);

    private static Errors.SyncException NotALiteral(TextCursor cursor, int offset) =>
        cursor.SyntaxError("UESCAPE must be followed by a simple string literal", offset);

    /// <summary>\XXXX, \+XXXXXX and the doubled escape character.</summary>
    private static string Decode(TextCursor cursor, string body, char escape, int start, int bodyStart)
    {
        var value = new StringBuilder(body.Length);
        uint pending = 0;
        for (var index = 0; index < body.Length;)
        {
            // Doubled quotes before it shift the body's offset against the text's; it is near enough to find the place.
            var offset = Math.Min(bodyStart + index, cursor.Text.Length);
            if (body[index] != escape || (index + 1 < body.Length && body[index + 1] == escape))
            {
                if (pending != 0)
                {
                    throw cursor.SyntaxError("invalid Unicode surrogate pair", offset);
                }

                value.Append(body[index]);
                index += body[index] == escape ? 2 : 1;
                continue;
            }

            var (skip, length) = index + 1 < body.Length && body[index + 1] == '+' ? (2, 6) : (1, 4);
            var code = UnicodeCodes.Parse(body, index + skip, length)
                ?? throw cursor.SyntaxError("invalid Unicode escape", offset, $"Unicode escapes must be {escape}XXXX or {escape}+XXXXXX.");
            index += skip + length;
            if (pending != 0)
            {
                code = UnicodeCodes.Pair(pending, code) ?? throw cursor.SyntaxError("invalid Unicode surrogate pair", offset);
                pending = 0;
            }
            else if (code is >= 0xD800 and <= 0xDBFF)
            {
                pending = code;
                continue;
            }

            value.Append(UnicodeCodes.Rune(cursor, code, offset).ToString());
        }

        return pending == 0 ? value.ToString() : throw cursor.SyntaxError("invalid Unicode surrogate pair", start);
    }
}
