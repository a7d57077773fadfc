using SyncEngine.Errors;

namespace SyncEngine.Sql.Lexing;

/// <summary>Splits a query into tokens by PostgreSQL's lexical rules, so that the engine reads the tokens that the server reads.</summary>
/// <remarks>
/// Source: src/backend/parser/scan.l and parser.c (UESCAPE), with <c>standard_conforming_strings</c> on and the number syntax of
/// PostgreSQL 16. Each family of tokens has its reader in this folder; all of them advance one <see cref="TextCursor"/>.
/// The caller bounds the length of the text; nesting is bounded here.
/// </remarks>
public static class Tokenizer
{
    /// <summary>The greatest depth to which parentheses and brackets may nest.</summary>
    public const int MaxDepth = 1000;

    /// <returns>All tokens, the last being <see cref="TokenKind.End"/>.</returns>
    /// <exception cref="SyncException">
    /// sql_syntax_error where PostgreSQL's scanner would refuse, sql_unsupported for nesting, invalid_request for text that cannot be
    /// sent to PostgreSQL.
    /// </exception>
    public static IReadOnlyList<Token> Tokenize(string text)
    {
        var cursor = new TextCursor(text);
        cursor.RefuseUnsendable();
        List<Token> tokens = [];
        var depth = 0;
        while (BlankReader.Skip(cursor))
        {
            var token = Next(cursor);
            tokens.Add(token);
            if (token.Kind == TokenKind.Punctuation)
            {
                depth += DepthChange(token);
                if (depth > MaxDepth)
                {
                    throw TooDeep(token);
                }
            }
        }

        tokens.Add(cursor.Token(TokenKind.End, "", text.Length));
        return tokens;
    }

    private static Token Next(TextCursor cursor)
    {
        var first = cursor.Current;
        return QuoteReader.Begins(cursor) ? QuoteReader.Read(cursor)
            : LexicalRules.IsNameStart(first) ? WordReader.Read(cursor)
            : NumberReader.Begins(cursor) ? NumberReader.Read(cursor)
            : first == '$' ? DollarReader.Read(cursor)
            : SymbolReader.IsPunctuation(first) ? SymbolReader.ReadPunctuation(cursor)
            : SymbolReader.IsOperator(first) ? SymbolReader.ReadOperator(cursor)
            : throw cursor.SyntaxErrorNear(cursor.CharacterAt(cursor.At), cursor.At);
    }

    private static int DepthChange(Token punctuation) => punctuation.Text switch
    {
        "(" or "[" => 1,
        ")" or "]" => -1,
        _ => 0,
    };

    private static SyncException TooDeep(Token token) =>
        new(
            ErrorCode.SqlUnsupported,
            $"parentheses are nested more than {MaxDepth} deep",
            hint: "Write the expression with fewer parentheses.")
        {
            Position = token.Position,
        };
}
