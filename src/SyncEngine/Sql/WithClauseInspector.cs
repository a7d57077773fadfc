using System.Collections.Immutable;

namespace SyncEngine.Sql;

/// <summary>
/// Reads the structure of a WITH clause, and refuses one whose parts, or the statement after it, change data.
/// </summary>
/// <remarks>
/// A word such as DELETE is a plain name almost everywhere in PostgreSQL. It is a statement right after <c>AS (</c> of a common table
/// expression and right after the list of them. Everything that is not of this structure is refused as a syntax error, so an unusual
/// structure cannot hide a statement.
/// </remarks>
static class WithClauseInspector
{
    public static void Inspect(ImmutableArray<Token> tokens, BracketMap brackets, int with)
    {
        var at = with + 1;
        if (tokens[at].IsWord("recursive") && !tokens[at + 1].IsPunctuation("(") && !tokens[at + 1].IsWord("as"))
        {
            at++;
        }

        while (true)
        {
            at = CommonTableExpression(tokens, brackets, at);
            if (!tokens[at].IsPunctuation(","))
            {
                break;
            }

            at++;
        }

        Head(tokens, at);
    }

    private static int CommonTableExpression(ImmutableArray<Token> tokens, BracketMap brackets, int at)
    {
        at = Name(tokens, at);
        if (tokens[at].IsPunctuation("("))
        {
            at = brackets.ClosingOf(at) + 1;
        }

        at = Word(tokens, at, "as");
        if (tokens[at].IsWord("not"))
        {
            at = Word(tokens, at + 1, "materialized");
        }
        else if (tokens[at].IsWord("materialized"))
        {
            at++;
        }

        if (!tokens[at].IsPunctuation("("))
        {
            throw QueryGate.SyntaxErrorAt(tokens[at]);
        }

        Head(tokens, at + 1);
        at = brackets.ClosingOf(at) + 1;
        return Cycle(tokens, brackets, Search(tokens, at));
    }

    /// <summary>A statement must begin here, and one that reads.</summary>
    private static void Head(ImmutableArray<Token> tokens, int at)
    {
        if (QueryGate.ModifiesData(tokens[at]))
        {
            throw QueryGate.Unsupported(
                $"{tokens[at].Text.ToUpperInvariant()} changes data",
                tokens[at],
                "Subscribe to a query that only reads; send changes to the database directly.");
        }

        if (!QueryGate.StartsQuery(tokens[at]) && !tokens[at].IsPunctuation("("))
        {
            throw QueryGate.SyntaxErrorAt(tokens[at]);
        }
    }

    /// <summary>SEARCH {BREADTH | DEPTH} FIRST BY columns SET column</summary>
    private static int Search(ImmutableArray<Token> tokens, int at)
    {
        if (!tokens[at].IsWord("search"))
        {
            return at;
        }

        at = Word(tokens, Word(tokens, Name(tokens, at + 1), "first"), "by");
        return Name(tokens, Word(tokens, Names(tokens, at), "set"));
    }

    /// <summary>CYCLE columns SET column [TO value DEFAULT value] USING column</summary>
    private static int Cycle(ImmutableArray<Token> tokens, BracketMap brackets, int at)
    {
        if (!tokens[at].IsWord("cycle"))
        {
            return at;
        }

        at = Name(tokens, Word(tokens, Names(tokens, at + 1), "set"));
        if (tokens[at].IsWord("to"))
        {
            // Two constants; USING is reserved, so none of them can contain it outside parentheses.
            while (!tokens[at].IsWord("using"))
            {
                if (tokens[at].Kind == TokenKind.End || tokens[at].IsPunctuation(")"))
                {
                    throw QueryGate.SyntaxErrorAt(tokens[at]);
                }

                at = tokens[at].IsPunctuation("(") || tokens[at].IsPunctuation("[") ? brackets.ClosingOf(at) + 1 : at + 1;
            }
        }

        return Name(tokens, Word(tokens, at, "using"));
    }

    private static int Names(ImmutableArray<Token> tokens, int at)
    {
        at = Name(tokens, at);
        while (tokens[at].IsPunctuation(","))
        {
            at = Name(tokens, at + 1);
        }

        return at;
    }

    private static int Name(ImmutableArray<Token> tokens, int at) =>
        tokens[at].Kind == TokenKind.QuotedName || (tokens[at].Kind == TokenKind.Word && Keywords.MayNameColumn(tokens[at].Text))
            ? at + 1
            : throw QueryGate.SyntaxErrorAt(tokens[at]);

    private static int Word(ImmutableArray<Token> tokens, int at, string word) =>
        tokens[at].IsWord(word) ? at + 1 : throw QueryGate.SyntaxErrorAt(tokens[at]);
}
