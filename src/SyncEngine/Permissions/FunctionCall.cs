using SyncEngine.Sql;

namespace SyncEngine.Permissions;

/// <summary>A name in a query that may be a function call: a name before a parenthesis, or a keyword such as <c>current_date</c>.</summary>
/// <param name="Schema">The schema that qualifies it; null for none.</param>
/// <param name="Name">Folded as PostgreSQL folds names.</param>
/// <param name="Position">The position in the query as sent, in characters, 1-based.</param>
public sealed record FunctionCall(string? Schema, string Name, int Position, FunctionCallKind Kind = FunctionCallKind.Call)
{
    /// <summary>Every name of a statement that may call a function.</summary>
    internal static FunctionCall[] In(QueryMentions mentions) =>
    [
        .. mentions.Functions.Select(call => new FunctionCall(call.Schema, call.Name, call.Position)),
        .. mentions.KeywordCalls.Select(call => new FunctionCall(null, call.Name, call.Position)),
        .. mentions.AttributeNames.Select(name => new FunctionCall(null, name, 1, FunctionCallKind.Attribute)),
        .. mentions.Operators.Select(use => new FunctionCall(use.Schema, use.Name, use.Position, FunctionCallKind.Operator)),
    ];
}

/// <summary>The notation of a function call.</summary>
public enum FunctionCallKind
{
    /// <summary>A name before a parenthesis, or a keyword.</summary>
    Call,

    /// <summary><c>row.function</c>: user-defined functions only, since no built-in one takes a row.</summary>
    Attribute,

    /// <summary>A user-defined operator; the built-in ones are immutable or harmless.</summary>
    Operator,
}
