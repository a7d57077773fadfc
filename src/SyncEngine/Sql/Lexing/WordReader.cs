namespace SyncEngine.Sql.Lexing;

/// <summary>Reads names and keywords without quotes.</summary>
static class WordReader
{
    public static Token Read(TextCursor cursor)
    {
        var (text, start) = (cursor.Text, cursor.At);
        var end = start;
        while (end < text.Length && LexicalRules.IsNamePart(text[end]))
        {
            end++;
        }

        cursor.At = end;
        return cursor.Token(TokenKind.Word, LexicalRules.TruncateName(Folded(text, start, end)), start);
    }

    /// <summary>Only ASCII is folded: PostgreSQL keeps other letters in any multi-byte encoding.</summary>
    private static string Folded(string text, int start, int end) => string.Create(end - start, (text, start), static (name, source) =>
    {
        for (var index = 0; index < name.Length; index++)
        {
            var character = source.text[source.start + index];
            name[index] = char.IsAsciiLetterUpper(character) ? (char)(character | 0x20) : character;
        }
    });
}
