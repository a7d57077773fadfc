namespace SyncEngine.Sql;

/// <summary>The classes of tokens in PostgreSQL's grammar.</summary>
public enum TokenKind
{
    /// <summary>A name or keyword written without quotes, folded to lower case.</summary>
    Word,

    /// <summary>A name in double quotes (or U&amp;""), never a keyword.</summary>
    QuotedName,

    /// <summary>A character string in any notation; the text is its value.</summary>
    String,

    /// <summary>B'…'; the text is the part between the quotes.</summary>
    BitString,

    /// <summary>X'…'; the text is the part between the quotes.</summary>
    HexString,

    /// <summary>A number without point or exponent, as written (it may be hexadecimal or have underscores).</summary>
    Integer,

    /// <summary>A number with point or exponent, as written.</summary>
    Decimal,

    /// <summary>$1; the text is the number.</summary>
    Parameter,

    /// <summary>An operator, also those of one character; != is &lt;&gt;, as PostgreSQL has it.</summary>
    Operator,

    /// <summary>One of <c>( ) [ ] , ; . : :: := ..</c>.</summary>
    Punctuation,

    /// <summary>After the last token. Its text is empty.</summary>
    End,
}

/// <summary>A token of a query.</summary>
/// <param name="Text">Its value: folded, unescaped, cut to a name's length.</param>
/// <param name="Position">Its position in the text as sent, in characters (code points, as PostgreSQL counts), 1-based.</param>
public readonly record struct Token(TokenKind Kind, string Text, int Position)
{
    public bool IsName => Kind is TokenKind.Word or TokenKind.QuotedName;

    /// <summary>This keyword, written without quotes.</summary>
    public bool IsWord(string word) => Kind == TokenKind.Word && Text == word;

    public bool IsPunctuation(string text) => Kind == TokenKind.Punctuation && Text == text;

    public bool IsOperator(string text) => Kind == TokenKind.Operator && Text == text;

    /// <summary>Equal except for the position.</summary>
    public bool IsSameAs(Token other) => Kind == other.Kind && Text == other.Text;
}
