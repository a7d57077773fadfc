using System.Collections.Immutable;

namespace SyncEngine.Sql;

/// <summary>The names in a query's text.</summary>
/// <param name="HighestParameter">n of the highest $n, zero without parameters.</param>
/// <param name="AttributeNames">
/// Names after a dot and before no parenthesis: columns and tables, but also functions in attribute notation, <c>(row).function</c>.
/// </param>
/// <param name="HasClockLiterals">A string such as 'now' or 'today' occurs, which a date or time type reads as the present.</param>
public sealed record QueryMentions(
    int HighestParameter,
    ImmutableArray<FunctionCandidate> Functions,
    ImmutableArray<OperatorUse> Operators,
    ImmutableArray<KeywordCall> KeywordCalls,
    ImmutableArray<string> AttributeNames,
    bool HasClockLiterals);

/// <summary>A name before a parenthesis. It may call a function, or name a column list or a type; the catalog decides.</summary>
/// <param name="Schema">Null when it is not qualified.</param>
/// <param name="Position">Position of the name's first part in the text as sent.</param>
public sealed record FunctionCandidate(string? Schema, string Name, int Position);

/// <summary>An operator as written, != as &lt;&gt;.</summary>
/// <param name="Schema">From <c>OPERATOR(schema.name)</c>, else null.</param>
public sealed record OperatorUse(string? Schema, string Name, int Position);

/// <summary>A function that is called without parentheses: current_date, session_user and so on.</summary>
public sealed record KeywordCall(string Name, int Position);
