using System.Collections.Immutable;
using System.Globalization;
using SyncEngine.Errors;

namespace SyncEngine.Sql;

/// <summary>Collects the names in a query's tokens. It lists too many rather than too few; the catalog decides what they name.</summary>
static class MentionCollector
{
    /// <summary>The protocol counts parameters in 16 bits.</summary>
    private const int MaxParameters = 65535;

    private static readonly string[] clockWords = ["now", "today", "tomorrow", "yesterday"];
    private static readonly string[] besideClockWords = ["allballs", "utc", "gmt", "z", "zulu"];

    public static QueryMentions Collect(IReadOnlyList<Token> tokens)
    {
        var highest = 0;
        var functions = ImmutableArray.CreateBuilder<FunctionCandidate>();
        var operators = ImmutableArray.CreateBuilder<OperatorUse>();
        var keywordCalls = ImmutableArray.CreateBuilder<KeywordCall>();
        var attributes = ImmutableArray.CreateBuilder<string>();
        var hasClockLiterals = false;
        for (var index = 0; index < tokens.Count; index++)
        {
            var token = tokens[index];
            switch (token.Kind)
            {
                case TokenKind.Parameter:
                    highest = Math.Max(highest, ParameterNumber(token));
                    break;
                case TokenKind.String:
                    hasClockLiterals |= ReadsClock(token.Text);
                    break;
                case TokenKind.Operator:
                    operators.Add(new OperatorUse(OperatorSchema(tokens, index), token.Text, token.Position));
                    break;
                case TokenKind.Word or TokenKind.QuotedName:
                    var isQualified = index > 0 && tokens[index - 1].IsPunctuation(".");
                    if (tokens[index + 1].IsPunctuation("(")
                        && (isQualified || token.Kind == TokenKind.QuotedName || !Keywords.IsReserved(token.Text)))
                    {
                        functions.Add(Candidate(tokens, index));
                    }
                    else if (isQualified)
                    {
                        attributes.Add(token.Text);
                    }

                    var isLabel = index > 0 && tokens[index - 1].IsWord("as");
                    if (token.Kind == TokenKind.Word && !isQualified && !isLabel && Keywords.ReadsClockOrSession(token.Text))
                    {
                        keywordCalls.Add(new KeywordCall(token.Text, token.Position));
                    }

                    break;
            }
        }

        return new QueryMentions(
            highest,
            functions.ToImmutable(),
            operators.ToImmutable(),
            keywordCalls.ToImmutable(),
            [.. attributes.Distinct()],
            hasClockLiterals);
    }

    private static int ParameterNumber(Token token) =>
        token.Text.Length <= 5 && int.Parse(token.Text, CultureInfo.InvariantCulture) is > 0 and <= MaxParameters and var number
            ? number
            : throw new SyncException(
                ErrorCode.SqlSyntaxError, $"there is no parameter ${token.Text}", hint: "Number the parameters from $1 on.")
            {
                Position = token.Position,
            };

    /// <summary>Walks back over <c>catalog . schema .</c>; white space between the parts does not matter.</summary>
    private static FunctionCandidate Candidate(IReadOnlyList<Token> tokens, int index)
    {
        string? schema = null;
        var first = index;
        while (first >= 2 && tokens[first - 1].IsPunctuation(".") && tokens[first - 2].IsName)
        {
            first -= 2;
            schema ??= tokens[first].Text;
        }

        return new FunctionCandidate(schema, tokens[index].Text, tokens[first].Position);
    }

    private static string? OperatorSchema(IReadOnlyList<Token> tokens, int index) =>
        index >= 2 && tokens[index - 1].IsPunctuation(".") && tokens[index - 2].IsName && tokens[index + 1].IsPunctuation(")")
            ? tokens[index - 2].Text
            : null;

    private static bool ReadsClock(string value)
    {
        var words = value.Split((char[])[' ', '\t', '\n', '\r', '\f', '\v', ','], StringSplitOptions.RemoveEmptyEntries);
        return words.Any(IsClockWord) && words.All(IsPartOfClockLiteral);
    }

    private static bool IsPartOfClockLiteral(string word) =>
        IsClockWord(word) || word.Any(char.IsAsciiDigit) || besideClockWords.Contains(word, StringComparer.OrdinalIgnoreCase);

    private static bool IsClockWord(string word) => clockWords.Contains(word, StringComparer.OrdinalIgnoreCase);
}
