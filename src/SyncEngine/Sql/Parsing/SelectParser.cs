using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Parsing;

/// <summary>
/// Reads a SELECT over one table: <c>SELECT [ALL] list FROM table [WHERE condition] [ORDER BY …] [LIMIT …] [OFFSET …]</c>.
/// Each clause family has its own parser beside this one; everything else is not covered.
/// </summary>
static class SelectParser
{
    public static Coverage<SelectSyntax> Parse(IReadOnlyList<Token> tokens)
    {
        try
        {
            return Statement(new TokenReader(tokens));
        }
        catch (NotCoveredException exception)
        {
            return exception.Refusal;
        }
    }

    private static SelectSyntax Statement(TokenReader reader)
    {
        if (!reader.TakeWord("select"))
        {
            throw reader.NotCovered(reader.Current.IsPunctuation("(")
                ? "a query in parentheses is answered by PostgreSQL"
                : Reasons.For(reader.Current));
        }

        reader.TakeWord("all");
        var items = SelectListParser.Read(reader);
        if (!reader.TakeWord("from"))
        {
            throw reader.NotCovered(reader.Current.Kind == TokenKind.End
                ? "a query without a table is answered by PostgreSQL"
                : Reasons.For(reader.Current));
        }

        var from = FromParser.Read(reader);
        var where = reader.TakeWord("where") ? ExpressionParser.Read(reader) : null;
        var orderBy = OrderByParser.Read(reader);
        var (limit, offset) = LimitParser.Read(reader);
        if (reader.Current.Kind != TokenKind.End)
        {
            reader.Refuse();
        }

        return new SelectSyntax(items, from, where, orderBy, limit, offset);
    }
}
