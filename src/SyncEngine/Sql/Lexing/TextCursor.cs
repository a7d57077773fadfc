using SyncEngine.Errors;

namespace SyncEngine.Sql.Lexing;

/// <summary>
/// A place in the text of a query. Offsets count UTF-16 code units; positions count characters (code points) from 1, as PostgreSQL does.
/// </summary>
sealed class TextCursor(string text)
{
    // The last conversion of an offset to a position; the next one continues from it.
    private int countedOffset;
    private int countedPosition = 1;

    public string Text { get; } = text;

    /// <summary>The offset of the next character to read.</summary>
    public int At { get; set; }

    public bool IsAtEnd => At >= Text.Length;

    /// <summary>The next character. The cursor must not be at the end.</summary>
    public char Current => Text[At];

    /// <summary>The character so far ahead; NUL beyond the end.</summary>
    public char Ahead(int distance) => At + distance < Text.Length ? Text[At + distance] : '\0';

    /// <summary>The text from an offset up to the cursor.</summary>
    public string From(int start) => Text[start..At];

    /// <summary>The whole character at an offset, of one or two code units.</summary>
    public string CharacterAt(int offset) => char.IsHighSurrogate(Text[offset]) ? Text.Substring(offset, 2) : Text[offset].ToString();

    public Token Token(TokenKind kind, string value, int offset) => new(kind, value, PositionOf(offset));

    /// <exception cref="SyncException">invalid_request for a NUL character or half of a surrogate pair.</exception>
    public void RefuseUnsendable()
    {
        for (var offset = 0; offset < Text.Length; offset++)
        {
            if (Text[offset] == '\0')
            {
                throw new SyncException(ErrorCode.InvalidRequest, "the query contains a NUL character") { Position = PositionOf(offset) };
            }

            if (offset + 1 < Text.Length && char.IsSurrogatePair(Text[offset], Text[offset + 1]))
            {
                offset++;
            }
            else if (char.IsSurrogate(Text[offset]))
            {
                throw new SyncException(ErrorCode.InvalidRequest, "the query contains half of a surrogate pair")
                {
                    Position = PositionOf(offset),
                };
            }
        }
    }

    public int PositionOf(int offset)
    {
        for (; countedOffset > offset; countedOffset--)
        {
            if (!char.IsLowSurrogate(Text[countedOffset - 1]))
            {
                countedPosition--;
            }
        }

        for (; countedOffset < offset; countedOffset++)
        {
            if (!char.IsLowSurrogate(Text[countedOffset]))
            {
                countedPosition++;
            }
        }

        return countedPosition;
    }

    public SyncException SyntaxErrorNear(string near, int offset) => SyntaxError($"syntax error at or near \"{near}\"", offset);

    public SyncException SyntaxError(string message, int offset, string? hint = null) =>
        new(ErrorCode.SqlSyntaxError, message, hint: hint) { Position = PositionOf(offset) };
}
