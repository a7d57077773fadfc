using System.Collections.Frozen;
using System.Collections.Immutable;
using SyncEngine.Errors;
using SyncEngine.Sql.Lexing;

namespace SyncEngine.Sql;

/// <summary>
/// Admits one statement that only reads. It does not parse: it refuses everything that a text could do beyond reading rows, at the few
/// places in PostgreSQL's grammar where that can begin. PostgreSQL decides whether the rest is a legal query.
/// </summary>
/// <remarks>This is the first of several defences: queries also run READ ONLY under the subscriber's role.</remarks>
static class QueryGate
{
    /// <summary>The first words of PostgreSQL's other statements.</summary>
    private static readonly FrozenSet<string> commands = (
        "abort alter analyse analyze begin call checkpoint close cluster comment commit copy create deallocate declare delete discard do "
        + "drop end execute explain fetch grant import insert listen load lock merge move notify prepare reassign refresh reindex release "
        + "reset revoke rollback savepoint security set show start truncate unlisten update vacuum")
        .Split(' ').ToFrozenSet(StringComparer.Ordinal);

    /// <exception cref="SyncException">sql_unsupported, sql_syntax_error or invalid_request, with the position.</exception>
    public static ImmutableArray<Token> Admit(string text, out BracketMap brackets)
    {
        var tokens = WithoutTrailingSemicolons(Tokenizer.Tokenize(text));
        brackets = BracketMap.Of(tokens);
        RefuseOtherStatements(tokens);
        for (var index = 0; index < tokens.Length; index++)
        {
            if (tokens[index].Kind == TokenKind.Word)
            {
                InspectWord(tokens, brackets, index);
            }
        }

        return tokens;
    }

    private static ImmutableArray<Token> WithoutTrailingSemicolons(IReadOnlyList<Token> tokens)
    {
        var count = tokens.Count - 1;
        while (count > 0 && tokens[count - 1].IsPunctuation(";"))
        {
            count--;
        }

        for (var index = 0; index < count; index++)
        {
            if (tokens[index].IsPunctuation(";"))
            {
                throw Unsupported("the text contains more than one statement", tokens[index + 1], "Subscribe to each statement by itself.");
            }
        }

        return [.. tokens.Take(count), tokens[^1]];
    }

    private static void RefuseOtherStatements(ImmutableArray<Token> tokens)
    {
        var first = tokens.FirstOrDefault(token => !token.IsPunctuation("("));
        if (first.Kind == TokenKind.End)
        {
            var message = tokens.Length == 1 ? "the query is empty" : "syntax error at end of input";
            throw new SyncException(ErrorCode.SqlSyntaxError, message, hint: "Write one SELECT.") { Position = first.Position };
        }

        if (StartsQuery(first))
        {
            return;
        }

        throw first.Kind == TokenKind.Word && commands.Contains(first.Text)
            ? Unsupported(
                $"{first.Text.ToUpperInvariant()} is not a query",
                first,
                "Only SELECT, WITH … SELECT, VALUES and TABLE can be subscribed to.")
            : SyntaxErrorAt(first, "A query begins with SELECT, WITH, VALUES or TABLE.");
    }

    private static void InspectWord(ImmutableArray<Token> tokens, BracketMap brackets, int index)
    {
        var previous = index > 0 ? tokens[index - 1] : default;

        // After AS or a dot any keyword is a name.
        if (previous.IsPunctuation(".") || previous.IsWord("as"))
        {
            return;
        }

        var token = tokens[index];
        switch (token.Text)
        {
            case "with" when index == 0 || previous.IsPunctuation("("):
                WithClauseInspector.Inspect(tokens, brackets, index);
                break;
            case "into":
                throw Unsupported("SELECT INTO writes a table", token, "Leave INTO out; a subscription delivers the rows.");
            case "for" when LocksRows(tokens, index) && !IsArgumentWord(tokens, brackets, index):
                throw Unsupported("row locks cannot be taken by a subscription", token, "Leave the FOR UPDATE or FOR SHARE clause out.");
            case "tablesample" when BeginsSample(tokens, index):
                throw Unsupported(
                    "TABLESAMPLE reads different rows each time", token, "Leave TABLESAMPLE out, or filter by a condition on the rows.");
        }
    }

    /// <summary>FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE, FOR KEY SHARE.</summary>
    private static bool LocksRows(ImmutableArray<Token> tokens, int index) =>
        tokens[index + 1] is { Kind: TokenKind.Word, Text: "update" or "share" or "no" or "key" };

    /// <summary>FOR as a part of <c>substring(a FROM b FOR c)</c> and <c>overlay(…)</c>, where a column may be named "update".</summary>
    private static bool IsArgumentWord(ImmutableArray<Token> tokens, BracketMap brackets, int index)
    {
        var opening = brackets.EnclosingOf(index);
        return opening > 0
            && tokens[opening].IsPunctuation("(")
            && (tokens[opening - 1].IsWord("substring") || tokens[opening - 1].IsWord("overlay"));
    }

    /// <summary>
    /// TABLESAMPLE method ( …. The word may also name a function, a type or a label; then no name with a parenthesis follows it.
    /// </summary>
    private static bool BeginsSample(ImmutableArray<Token> tokens, int index)
    {
        if (index == 0 || tokens[index - 1].IsPunctuation("::") || !IsMethodName(tokens[index + 1]))
        {
            return false;
        }

        var next = index + 2;
        while (tokens[next].IsPunctuation(".") && tokens[next + 1].IsName)
        {
            next += 2;
        }

        return tokens[next].IsPunctuation("(");
    }

    private static bool IsMethodName(Token token) =>
        token.Kind == TokenKind.QuotedName || (token.Kind == TokenKind.Word && !Keywords.IsReserved(token.Text));

    internal static bool StartsQuery(Token token) => token is { Kind: TokenKind.Word, Text: "select" or "with" or "values" or "table" };

    internal static bool ModifiesData(Token token) => token is { Kind: TokenKind.Word, Text: "insert" or "update" or "delete" or "merge" };

    internal static SyncException Unsupported(string message, Token token, string hint) =>
        new(ErrorCode.SqlUnsupported, message, hint: hint) { Position = token.Position };

    internal static SyncException SyntaxErrorAt(Token token, string? hint = null)
    {
        var message = token.Kind == TokenKind.End
            ? "syntax error at end of input"
            : $"syntax error at or near \"{TokenPrinter.Print(token)}\"";
        return new SyncException(ErrorCode.SqlSyntaxError, message, hint: hint) { Position = token.Position };
    }
}
