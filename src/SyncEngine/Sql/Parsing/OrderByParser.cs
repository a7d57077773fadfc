using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Parsing;

/// <summary>Reads <c>ORDER BY column [ASC | DESC] [NULLS FIRST | NULLS LAST], …</c>; a column may be given by its number.</summary>
static class OrderByParser
{
    public static SyntaxList<OrderItem> Read(TokenReader reader)
    {
        if (!reader.TakeWord("order"))
        {
            return [];
        }

        reader.ExpectWord("by");
        var items = new List<OrderItem>();
        do
        {
            items.Add(Item(reader));
        }
        while (reader.TakePunctuation(","));
        return [.. items];
    }

    private static OrderItem Item(TokenReader reader)
    {
        var key = Key(reader);
        var isDescending = reader.TakeWord("desc");
        if (!isDescending)
        {
            reader.TakeWord("asc");
        }

        bool? nullsFirst = null;
        if (reader.TakeWord("nulls"))
        {
            nullsFirst = reader.TakeWord("first");
            if (nullsFirst == false)
            {
                reader.ExpectWord("last");
            }
        }

        return new OrderItem(key, isDescending, nullsFirst);
    }

    private static Expression Key(TokenReader reader)
    {
        var at = reader.Position;
        return reader.Current.Kind == TokenKind.Integer
            ? new NumberLiteral(at, reader.Take().Text, IsInteger: true)
            : NameParser.ReadColumn(reader);
    }
}
