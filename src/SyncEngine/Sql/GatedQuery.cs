using System.Collections.Immutable;

namespace SyncEngine.Sql;

/// <summary>A name before a parenthesis: it may call a function. (It may as well name a column list or a type; the catalog knows.)</summary>
/// <param name="Schema">Null when it is not qualified.</param>
/// <param name="Position">Of the name's first part, in the text as sent.</param>
public sealed record FunctionCandidate(string? Schema, string Name, int Position);

/// <summary>An operator as written, != as &lt;&gt;.</summary>
/// <param name="Schema">From <c>OPERATOR(schema.name)</c>, else null.</param>
public sealed record OperatorUse(string? Schema, string Name, int Position);

/// <summary>A function that is called without parentheses: current_date, session_user and so on.</summary>
public sealed record KeywordCall(string Name, int Position);

/// <summary>One query that passed the gate: a single statement that only reads, as far as its text can tell.</summary>
public sealed class GatedQuery
{
    private readonly int[] starts;

    internal GatedQuery(ImmutableArray<Token> tokens, QueryMentions mentions)
    {
        Tokens = tokens;
        Text = TokenPrinter.Print(tokens, out starts);
        Mentions = mentions;
    }

    /// <summary>Ends with <see cref="TokenKind.End"/>; without a trailing semicolon. Positions are those in the text as sent.</summary>
    public ImmutableArray<Token> Tokens { get; }

    /// <summary>The query printed from its tokens: what runs.</summary>
    public string Text { get; }

    public QueryMentions Mentions { get; }

    /// <summary>The position in the text as sent of what stands at a position of <see cref="Text"/>; null outside it.</summary>
    public int? MapPosition(int positionInPrinted)
    {
        if (positionInPrinted < 1 || positionInPrinted > starts[^1])
        {
            return null;
        }

        var found = Array.BinarySearch(starts, positionInPrinted);
        return Tokens[found >= 0 ? found : ~found - 1].Position;
    }
}

/// <summary>What a query's text names.</summary>
/// <param name="HighestParameter">n of the highest $n, zero without parameters.</param>
/// <param name="AttributeNames">Names after a dot and before no parenthesis: columns, tables, but also functions in attribute notation, <c>(row).function</c>.</param>
/// <param name="HasClockLiterals">A string such as 'now' or 'today' occurs, which a date or time type reads as the present.</param>
public sealed record QueryMentions(
    int HighestParameter,
    ImmutableArray<FunctionCandidate> Functions,
    ImmutableArray<OperatorUse> Operators,
    ImmutableArray<KeywordCall> KeywordCalls,
    ImmutableArray<string> AttributeNames,
    bool HasClockLiterals);
