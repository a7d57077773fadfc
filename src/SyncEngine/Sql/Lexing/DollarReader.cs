namespace SyncEngine.Sql.Lexing;

/// <summary>Reads parameters, <c>$1</c>, and dollar-quoted strings, <c>$tag$…$tag$</c>.</summary>
static class DollarReader
{
    public static Token Read(TextCursor cursor) => char.IsAsciiDigit(cursor.Ahead(1)) ? Parameter(cursor) : DollarQuoted(cursor);

    private static Token Parameter(TextCursor cursor)
    {
        var start = cursor.At;
        cursor.At++;
        while (char.IsAsciiDigit(cursor.Ahead(0)))
        {
            cursor.At++;
        }

        var end = cursor.At;
        if (LexicalRules.IsNameStart(cursor.Ahead(0)))
        {
            throw cursor.SyntaxError(
                $"trailing junk after parameter at or near \"{cursor.Text[start..(end + 1)]}\"",
                start,
                "Put a space between the parameter and what follows.");
        }

        // PostgreSQL ignores leading zeros: $01 is $1.
        var number = cursor.Text[(start + 1)..end].TrimStart('0');
        return cursor.Token(TokenKind.Parameter, number.Length == 0 ? "0" : number, start);
    }

    private static Token DollarQuoted(TextCursor cursor)
    {
        var (text, start) = (cursor.Text, cursor.At);
        var delimiter = Delimiter(cursor);
        var bodyStart = start + delimiter.Length;
        var end = text.IndexOf(delimiter, bodyStart, StringComparison.Ordinal);
        if (end < 0)
        {
            throw cursor.SyntaxError("unterminated dollar-quoted string", start, $"Close the string with {delimiter}.");
        }

        cursor.At = end + delimiter.Length;
        return cursor.Token(TokenKind.String, text[bodyStart..end], start);
    }

    private static string Delimiter(TextCursor cursor)
    {
        var (text, start) = (cursor.Text, cursor.At);
        var end = start + 1;
        if (LexicalRules.IsNameStart(cursor.Ahead(1)))
        {
            while (end < text.Length && LexicalRules.IsNamePart(text[end]) && text[end] != '$')
            {
                end++;
            }
        }

        return end < text.Length && text[end] == '$' ? text[start..(end + 1)] : throw cursor.SyntaxErrorNear("$", start);
    }
}
