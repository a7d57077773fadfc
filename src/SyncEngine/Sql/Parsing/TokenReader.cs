using System.Diagnostics.CodeAnalysis;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Parsing;

/// <summary>A place in a query's tokens. A construct that it cannot read is left to PostgreSQL, with its position.</summary>
sealed class TokenReader(IReadOnlyList<Token> tokens)
{
    /// <summary>The depth of nested conditions beyond which they are left to PostgreSQL; the readers of syntax trees recurse.</summary>
    private const int MaxDepth = 200;

    private int at;
    private int depth;

    public Token Current => tokens[at];

    public Token Next => Peek(1);

    public SourcePosition Position => new(Current.Position);

    public Token Peek(int distance) => tokens[Math.Min(at + distance, tokens.Count - 1)];

    public Token Take()
    {
        var token = tokens[at];
        at = Math.Min(at + 1, tokens.Count - 1);
        return token;
    }

    public bool IsWord(string word) => Current.IsWord(word);

    public bool TakeWord(string word)
    {
        var found = Current.IsWord(word);
        if (found)
        {
            Take();
        }

        return found;
    }

    public bool TakePunctuation(string text)
    {
        var found = Current.IsPunctuation(text);
        if (found)
        {
            Take();
        }

        return found;
    }

    public void ExpectWord(string word)
    {
        if (!TakeWord(word))
        {
            throw NotCovered(Reasons.Construct);
        }
    }

    public void ExpectPunctuation(string text)
    {
        if (!TakePunctuation(text))
        {
            throw NotCovered(Reasons.Construct);
        }
    }

    /// <summary>A name without a qualifier: ColId in PostgreSQL's grammar.</summary>
    public bool IsColumnName() => IsColumnName(Current);

    public static bool IsColumnName(Token token) =>
        token.Kind == TokenKind.QuotedName || (token.Kind == TokenKind.Word && Keywords.MayNameColumn(token.Text));

    public string TakeColumnName() => IsColumnName() ? Take().Text : throw NotCovered(Reasons.For(Current));

    /// <summary>A name after a dot or AS, which may be any keyword: ColLabel.</summary>
    public string TakeAnyName() => Current.IsName ? Take().Text : throw NotCovered(Reasons.For(Current));

    public T Nested<T>(Func<T> read)
    {
        if (++depth > MaxDepth)
        {
            throw NotCovered("conditions nested as deeply as these are answered by PostgreSQL");
        }

        var result = read();
        depth--;
        return result;
    }

    [DoesNotReturn]
    public void Refuse() => throw NotCovered(Reasons.For(Current));

    public NotCoveredException NotCovered(string reason) => new(reason, Current.Position);
}
