using System.Globalization;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Parsing;

/// <summary>Reads LIMIT and OFFSET, in either order, each with a number or a parameter.</summary>
static class LimitParser
{
    public static (Expression? Limit, Expression? Offset) Read(TokenReader reader)
    {
        Expression? limit = null;
        Expression? offset = null;
        while (true)
        {
            if (limit is null && reader.TakeWord("limit"))
            {
                var at = reader.Position;
                limit = reader.TakeWord("all") ? new NullLiteral(at) : Count(reader);
            }
            else if (offset is null && reader.TakeWord("offset"))
            {
                offset = Count(reader);
                if (!reader.TakeWord("rows"))
                {
                    reader.TakeWord("row");
                }
            }
            else
            {
                return (limit, offset);
            }
        }
    }

    private static Expression Count(TokenReader reader)
    {
        var at = reader.Position;
        return reader.Current.Kind switch
        {
            TokenKind.Integer => new NumberLiteral(at, reader.Take().Text, IsInteger: true),
            TokenKind.Parameter => new ParameterReference(at, int.Parse(reader.Take().Text, CultureInfo.InvariantCulture)),
            _ => throw reader.NotCovered(Reasons.For(reader.Current)),
        };
    }
}
