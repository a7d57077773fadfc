namespace SyncEngine.Sql.Lexing;

/// <summary>Reads numbers: decimal, with point or exponent, hexadecimal, octal, binary; with underscores between digits.</summary>
static class NumberReader
{
    public static bool Begins(TextCursor cursor) =>
        char.IsAsciiDigit(cursor.Current) || (cursor.Current == '.' && char.IsAsciiDigit(cursor.Ahead(1)));

    public static Token Read(TextCursor cursor)
    {
        var start = cursor.At;
        var kind = TokenKind.Integer;
        if (cursor.Current == '0' && cursor.Ahead(1) is 'x' or 'X' or 'o' or 'O' or 'b' or 'B')
        {
            SkipRadixDigits(cursor, start);
        }
        else
        {
            SkipDigits(cursor);
            if (SkipFraction(cursor, start) | SkipExponent(cursor))
            {
                kind = TokenKind.Decimal;
            }
        }

        RefuseTrailingName(cursor, start);
        return cursor.Token(kind, cursor.From(start), start);
    }

    private static bool SkipFraction(TextCursor cursor, int start)
    {
        // 1..2 is two integers and the punctuation between.
        if (cursor.Ahead(0) != '.' || (cursor.At > start && cursor.Ahead(1) == '.'))
        {
            return false;
        }

        cursor.At++;
        SkipDigits(cursor);
        return true;
    }

    private static bool SkipExponent(TextCursor cursor)
    {
        if (cursor.Ahead(0) is not ('e' or 'E'))
        {
            return false;
        }

        var digits = cursor.Ahead(1) is '+' or '-' ? 2 : 1;
        if (!char.IsAsciiDigit(cursor.Ahead(digits)))
        {
            return false;
        }

        cursor.At += digits;
        SkipDigits(cursor);
        return true;
    }

    /// <summary>decinteger: digits, single underscores between them.</summary>
    private static void SkipDigits(TextCursor cursor)
    {
        if (!char.IsAsciiDigit(cursor.Ahead(0)))
        {
            return;
        }

        while (char.IsAsciiDigit(cursor.Ahead(0)) || (cursor.Ahead(0) == '_' && char.IsAsciiDigit(cursor.Ahead(1))))
        {
            cursor.At++;
        }
    }

    /// <summary>0x…, 0o…, 0b…; an underscore may precede any digit.</summary>
    private static void SkipRadixDigits(TextCursor cursor, int start)
    {
        var radix = char.ToLowerInvariant(cursor.Ahead(1));
        cursor.At += 2;
        var first = cursor.At;
        while (IsDigit(cursor.Ahead(0), radix) || (cursor.Ahead(0) == '_' && IsDigit(cursor.Ahead(1), radix)))
        {
            cursor.At++;
        }

        if (cursor.At == first)
        {
            var name = radix switch { 'x' => "hexadecimal", 'o' => "octal", _ => "binary" };
            throw cursor.SyntaxError($"invalid {name} integer at or near \"{cursor.From(start)}\"", start);
        }

        if (char.IsAsciiDigit(cursor.Ahead(0)))
        {
            cursor.At++;
            throw cursor.SyntaxError($"trailing junk after numeric literal at or near \"{cursor.From(start)}\"", start);
        }
    }

    private static bool IsDigit(char character, char radix) => radix switch
    {
        'x' => char.IsAsciiHexDigit(character),
        'o' => character is >= '0' and <= '7',
        _ => character is '0' or '1',
    };

    private static void RefuseTrailingName(TextCursor cursor, int start)
    {
        if (cursor.IsAtEnd || !LexicalRules.IsNameStart(cursor.Current))
        {
            return;
        }

        while (!cursor.IsAtEnd && LexicalRules.IsNamePart(cursor.Current))
        {
            cursor.At++;
        }

        throw cursor.SyntaxError(
            $"trailing junk after numeric literal at or near \"{cursor.From(start)}\"",
            start,
            "Put a space between the number and what follows.");
    }
}
