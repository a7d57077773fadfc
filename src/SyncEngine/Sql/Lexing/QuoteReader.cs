using System.Text;
using SyncEngine.Errors;

namespace SyncEngine.Sql.Lexing;

/// <summary>Reads names and strings in quotes, each form by its prefix.</summary>
static class QuoteReader
{
    /// <summary>A quoted token begins here: a quote, or a letter that belongs to the quote after it.</summary>
    public static bool Begins(TextCursor cursor) => cursor.Current switch
    {
        '\'' or '"' => true,
        'e' or 'E' or 'b' or 'B' or 'x' or 'X' or 'n' or 'N' => cursor.Ahead(1) == '\'',
        'u' or 'U' => cursor.Ahead(1) == '&' && cursor.Ahead(2) is '\'' or '"',
        _ => false,
    };

    public static Token Read(TextCursor cursor)
    {
        var start = cursor.At;
        switch (cursor.Current)
        {
            case '\'':
                return cursor.Token(TokenKind.String, Body(cursor, start, isDoubled: true), start);
            case '"':
                return cursor.Token(TokenKind.QuotedName, LexicalRules.TruncateName(NameBody(cursor, start)), start);
            case 'e' or 'E':
                cursor.At++;
                return cursor.Token(TokenKind.String, new EscapeStringReader(cursor, start).Read(), start);
            case 'b' or 'B':
                cursor.At++;
                return cursor.Token(TokenKind.BitString, Body(cursor, start, isDoubled: false), start);
            case 'x' or 'X':
                cursor.At++;
                return cursor.Token(TokenKind.HexString, Body(cursor, start, isDoubled: false), start);
            case 'n' or 'N':
                // N'…' is the type nchar before an ordinary string; the string is read next.
                cursor.At++;
                return cursor.Token(TokenKind.Word, "nchar", start);
            default:
                return UnicodeQuoteReader.Read(cursor);
        }
    }

    /// <summary>A string without escapes and its continuations on later lines.</summary>
    /// <param name="isDoubled">Two quotes are one; else (bit strings) the first quote ends it.</param>
    public static string Body(TextCursor cursor, int start, bool isDoubled)
    {
        var value = new StringBuilder();
        do
        {
            AppendSegment(cursor, start, isDoubled, value);
        }
        while (BlankReader.SkipToContinuation(cursor));
        return value.ToString();
    }

    /// <summary>From one double quote to the other, doubled ones made single.</summary>
    public static string NameBody(TextCursor cursor, int start)
    {
        var value = new StringBuilder();
        for (cursor.At++; ; cursor.At++)
        {
            if (cursor.IsAtEnd)
            {
                throw cursor.SyntaxError("unterminated quoted identifier", start, "Close the name with a double quote.");
            }

            if (cursor.Current == '"')
            {
                if (cursor.Ahead(1) != '"')
                {
                    break;
                }

                cursor.At++;
            }

            value.Append(cursor.Current);
        }

        cursor.At++;
        return value.Length > 0
            ? value.ToString()
            : throw cursor.SyntaxError("zero-length delimited identifier at or near \"\"\"\"", start);
    }

    public static SyncException Unterminated(TextCursor cursor, int start) =>
        cursor.SyntaxError(
            "unterminated quoted string", start, "Close the string with a single quote; inside it a quote is written twice.");

    private static void AppendSegment(TextCursor cursor, int start, bool isDoubled, StringBuilder value)
    {
        for (cursor.At++; ; cursor.At++)
        {
            if (cursor.IsAtEnd)
            {
                throw Unterminated(cursor, start);
            }

            if (cursor.Current == '\'')
            {
                if (!isDoubled || cursor.Ahead(1) != '\'')
                {
                    break;
                }

                cursor.At++;
            }

            value.Append(cursor.Current);
        }

        cursor.At++;
    }
}
