using System.Collections.Immutable;
using SyncEngine.Errors;

namespace SyncEngine.Sql;

/// <summary>The pairs of parentheses and brackets, and the innermost one around each token.</summary>
sealed class BracketMap
{
    private readonly int[] closing;
    private readonly int[] enclosing;

    private BracketMap(int count)
    {
        closing = new int[count];
        enclosing = new int[count];
    }

    /// <exception cref="SyncException">sql_syntax_error when they do not match.</exception>
    public static BracketMap Of(ImmutableArray<Token> tokens)
    {
        var map = new BracketMap(tokens.Length);
        var open = new Stack<int>();
        for (var index = 0; index < tokens.Length; index++)
        {
            var token = tokens[index];
            if (token.IsPunctuation(")") || token.IsPunctuation("]"))
            {
                if (!open.TryPop(out var opening) || tokens[opening].Text != (token.Text == ")" ? "(" : "["))
                {
                    throw QueryGate.SyntaxErrorAt(token, "It closes nothing.");
                }

                map.closing[opening] = index;
            }

            map.enclosing[index] = open.TryPeek(out var inside) ? inside : -1;
            if (token.IsPunctuation("(") || token.IsPunctuation("["))
            {
                open.Push(index);
            }
        }

        return open.TryPop(out var unclosed)
            ? throw new SyncException(
                ErrorCode.SqlSyntaxError,
                "syntax error at end of input",
                hint: $"\"{tokens[unclosed].Text}\" at position {tokens[unclosed].Position} is not closed.")
            {
                Position = tokens[^1].Position,
            }
            : map;
    }

    /// <summary>The index of the bracket that closes the one at this index.</summary>
    public int ClosingOf(int opening) => closing[opening];

    /// <summary>The index of the innermost bracket that is open at this token; -1 for none.</summary>
    public int EnclosingOf(int index) => enclosing[index];
}
