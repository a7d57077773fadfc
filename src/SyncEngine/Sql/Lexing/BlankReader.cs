namespace SyncEngine.Sql.Lexing;

/// <summary>Skips white space and comments.</summary>
static class BlankReader
{
    /// <returns>False at the end of the text.</returns>
    public static bool Skip(TextCursor cursor)
    {
        while (!cursor.IsAtEnd)
        {
            var current = cursor.Current;
            if (LexicalRules.IsSpace(current))
            {
                cursor.At++;
            }
            else if (current == '-' && cursor.Ahead(1) == '-')
            {
                SkipLine(cursor);
            }
            else if (current == '/' && cursor.Ahead(1) == '*')
            {
                SkipBlockComment(cursor);
            }
            else
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Moves to the quote that continues a string: only white space and line comments with at least one line's end may lie between.
    /// </summary>
    /// <returns>False, and nothing skipped, when no quote continues it.</returns>
    public static bool SkipToContinuation(TextCursor cursor)
    {
        var before = cursor.At;
        var isNewLine = false;
        while (!cursor.IsAtEnd)
        {
            if (LexicalRules.IsSpace(cursor.Current))
            {
                isNewLine |= cursor.Current is '\n' or '\r';
                cursor.At++;
            }
            else if (cursor.Current == '-' && cursor.Ahead(1) == '-')
            {
                SkipLine(cursor);
            }
            else
            {
                break;
            }
        }

        if (isNewLine && cursor.Ahead(0) == '\'')
        {
            return true;
        }

        cursor.At = before;
        return false;
    }

    private static void SkipLine(TextCursor cursor)
    {
        while (!cursor.IsAtEnd && cursor.Current is not ('\n' or '\r'))
        {
            cursor.At++;
        }
    }

    private static void SkipBlockComment(TextCursor cursor)
    {
        var start = cursor.At;
        var open = 0;
        do
        {
            if (cursor.IsAtEnd)
            {
                throw cursor.SyntaxError("unterminated /* comment", start, "Close every /* with */; block comments nest.");
            }

            if (cursor.Current == '/' && cursor.Ahead(1) == '*')
            {
                open++;
                cursor.At += 2;
            }
            else if (cursor.Current == '*' && cursor.Ahead(1) == '/')
            {
                open--;
                cursor.At += 2;
            }
            else
            {
                cursor.At++;
            }
        }
        while (open > 0);
    }
}
