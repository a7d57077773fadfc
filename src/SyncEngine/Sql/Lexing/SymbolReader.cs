namespace SyncEngine.Sql.Lexing;

/// <summary>Reads punctuation and operators.</summary>
static class SymbolReader
{
    private const string OperatorCharacters = "~!@#^&|`?+-*/%<>=";
    private const string PunctuationCharacters = ",()[].;:";

    /// <summary>Characters of operators that the SQL standard does not have.</summary>
    private const string OtherThanStandard = "~!@#^&|`?%";

    public static bool IsPunctuation(char character) => PunctuationCharacters.Contains(character, StringComparison.Ordinal);

    public static bool IsOperator(char character) => OperatorCharacters.Contains(character, StringComparison.Ordinal);

    public static Token ReadPunctuation(TextCursor cursor)
    {
        var start = cursor.At;
        var isDouble = (cursor.Current, cursor.Ahead(1)) is (':', ':') or (':', '=') or ('.', '.');
        cursor.At += isDouble ? 2 : 1;
        return cursor.Token(TokenKind.Punctuation, cursor.From(start), start);
    }

    /// <summary>The longest run of operator characters, less those that scan.l gives back.</summary>
    public static Token ReadOperator(TextCursor cursor)
    {
        var (text, start) = (cursor.Text, cursor.At);
        var length = 1;
        while (start + length < text.Length && IsOperator(text[start + length]))
        {
            length++;
        }

        length = LengthOf(text.AsSpan(start, length));
        if (length > LexicalRules.MaxNameBytes)
        {
            throw cursor.SyntaxError("operator too long", start);
        }

        cursor.At += length;
        var name = cursor.From(start);
        return cursor.Token(TokenKind.Operator, name == "!=" ? "<>" : name, start);
    }

    private static int LengthOf(ReadOnlySpan<char> run)
    {
        var comment = Math.Min((uint)run.IndexOf("--", StringComparison.Ordinal), (uint)run.IndexOf("/*", StringComparison.Ordinal));
        if (comment < run.Length)
        {
            run = run[..(int)comment];
        }

        // A + or - ends an operator of several characters only beside one outside the SQL standard: "@-" is one operator, "=-" is two.
        if (run.Length > 1 && run[^1] is '+' or '-' && run[..^1].IndexOfAny(OtherThanStandard) < 0)
        {
            while (run.Length > 1 && run[^1] is '+' or '-')
            {
                run = run[..^1];
            }
        }

        return run.Length;
    }
}
