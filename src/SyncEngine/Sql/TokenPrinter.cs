using System.Text;

namespace SyncEngine.Sql;

/// <summary>
/// Writes tokens as text that reads as the same tokens on any server, under both settings of <c>standard_conforming_strings</c>:
/// no comments, and blanks only where two tokens would join or a reader expects them.
/// </summary>
static class TokenPrinter
{
    /// <param name="starts">The position of each token in the printed text, in characters (code points), 1-based.</param>
    public static string Print(IReadOnlyList<Token> tokens, out int[] starts)
    {
        var text = new StringBuilder();
        starts = new int[tokens.Count];
        var position = 1;
        for (var index = 0; index < tokens.Count; index++)
        {
            if (index > 0 && tokens[index].Kind != TokenKind.End && NeedsBlank(tokens[index - 1], tokens[index]))
            {
                text.Append(' ');
                position++;
            }

            starts[index] = position;
            var printed = Print(tokens[index]);
            text.Append(printed);
            foreach (var _ in printed.EnumerateRunes())
            {
                position++;
            }
        }

        return text.ToString();
    }

    public static string Print(Token token) => token.Kind switch
    {
        TokenKind.QuotedName => QuoteName(token.Text),
        TokenKind.String => QuoteString(token.Text),
        TokenKind.BitString => $"B'{token.Text}'",
        TokenKind.HexString => $"X'{token.Text}'",
        TokenKind.Parameter => "$" + token.Text,
        _ => token.Text,
    };

    public static string QuoteName(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>With a backslash inside, the E form: only it means the same under both settings of standard_conforming_strings.</summary>
    public static string QuoteString(string value)
    {
        var doubled = value.Replace("'", "''", StringComparison.Ordinal);
        return doubled.Contains('\\', StringComparison.Ordinal)
            ? $"E'{doubled.Replace("\\", "\\\\", StringComparison.Ordinal)}'"
            : $"'{doubled}'";
    }

    private static bool NeedsBlank(Token left, Token right)
    {
        if (right.Kind == TokenKind.Punctuation)
        {
            switch (right.Text)
            {
                case "," or ")" or "]" or ";":
                    return false;
                case "(":
                    return !(left.Kind == TokenKind.QuotedName
                        || IsOpening(left)
                        || (left.Kind == TokenKind.Word && !Keywords.IsReserved(left.Text)));
                case "[":
                    return !(left.IsName || IsOpening(left) || IsClosing(left));
                case ".":
                    return !(left.IsName || IsClosing(left));
                case "::":
                    return !(left.IsName
                        || IsClosing(left)
                        || left.Kind is TokenKind.String or TokenKind.Integer or TokenKind.Decimal or TokenKind.Parameter);
            }
        }

        if (IsOpening(left))
        {
            return false;
        }

        return !((left.IsPunctuation(".") && (right.IsName || right.IsOperator("*"))) || (left.IsPunctuation("::") && right.IsName));
    }

    private static bool IsOpening(Token token) => token.IsPunctuation("(") || token.IsPunctuation("[");

    private static bool IsClosing(Token token) => token.IsPunctuation(")") || token.IsPunctuation("]");
}
