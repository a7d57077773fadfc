using System.Collections.Immutable;
using SyncEngine.Errors;
using SyncEngine.Sql.Parsing;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql;

/// <summary>
/// One statement that only reads, as far as its text can show. It carries the printed text that runs, the names that the text mentions and,
/// where the parser covers it, the syntax tree. Only <see cref="Parse"/> makes one.
/// </summary>
public sealed class SelectStatement
{
    private readonly int[] starts;

    private SelectStatement(string source, ImmutableArray<Token> tokens, BracketMap brackets)
    {
        Source = source;
        Tokens = tokens;
        Text = TokenPrinter.Print(tokens, out starts);
        Mentions = MentionCollector.Collect(tokens);
        Syntax = SelectParser.Parse(tokens);
        IsOrdered = HasOuterOrderBy(tokens, brackets);
    }

    /// <summary>The query as sent.</summary>
    public string Source { get; }

    /// <summary>Ends with <see cref="TokenKind.End"/>; without a trailing semicolon. Positions are those in <see cref="Source"/>.</summary>
    public ImmutableArray<Token> Tokens { get; }

    /// <summary>The query printed from its tokens: the text that runs.</summary>
    public string Text { get; }

    public QueryMentions Mentions { get; }

    /// <summary>The syntax tree, or the reason why the parser does not cover the query. It is a legal query in either case.</summary>
    public Coverage<SelectSyntax> Syntax { get; }

    /// <summary>An ORDER BY orders the result.</summary>
    public bool IsOrdered { get; }

    /// <exception cref="SyncException">sql_unsupported, sql_syntax_error or invalid_request, with the position.</exception>
    public static SelectStatement Parse(string text)
    {
        var tokens = QueryGate.Admit(text, out var brackets);
        return new SelectStatement(text, tokens, brackets);
    }

    /// <summary>Converts a position in <see cref="Text"/> to that of the same token in <see cref="Source"/>; null outside it.</summary>
    public int? MapPosition(int positionInPrinted)
    {
        if (positionInPrinted < 1 || positionInPrinted > starts[^1])
        {
            return null;
        }

        var found = Array.BinarySearch(starts, positionInPrinted);
        return Tokens[found >= 0 ? found : ~found - 1].Position;
    }

    /// <summary>An ORDER BY inside parentheses orders a part only; parentheses around the whole query do not count.</summary>
    private static bool HasOuterOrderBy(ImmutableArray<Token> tokens, BracketMap brackets)
    {
        // The last token is the end itself.
        var around = 0;
        while (tokens[around].IsPunctuation("(") && brackets.ClosingOf(around) == tokens.Length - 2 - around)
        {
            around++;
        }

        for (var index = around; index < tokens.Length - 1; index++)
        {
            if (tokens[index].IsWord("order") && tokens[index + 1].IsWord("by") && brackets.EnclosingOf(index) == around - 1)
            {
                return true;
            }
        }

        return false;
    }
}
