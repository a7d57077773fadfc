using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Parsing;

/// <summary>Reads <c>*</c>, <c>t.*</c> and columns, each with or without a label.</summary>
static class SelectListParser
{
    public static SyntaxList<SelectItem> Read(TokenReader reader)
    {
        if (reader.IsWord("from") || reader.Current.Kind == TokenKind.End)
        {
            throw reader.NotCovered("a result without columns is answered by PostgreSQL");
        }

        var items = new List<SelectItem>();
        do
        {
            items.Add(Item(reader));
        }
        while (reader.TakePunctuation(","));
        return [.. items];
    }

    private static SelectItem Item(TokenReader reader)
    {
        var at = reader.Position;
        if (reader.Current.IsOperator("*"))
        {
            reader.Take();
            return new AllColumns(at);
        }

        var (parts, isStar) = NameParser.Read(reader, allowStar: true);
        if (isStar)
        {
            return parts switch
            {
                [var table] => new AllColumnsOf(at, null, table),
                [var schema, var table] => new AllColumnsOf(at, schema, table),
                _ => throw new NotCoveredException(Reasons.Construct, at.Character),
            };
        }

        return new ColumnItem(at, NameParser.ToColumn(at, parts), Label(reader));
    }

    private static string? Label(TokenReader reader)
    {
        if (reader.TakeWord("as"))
        {
            return reader.TakeAnyName();
        }

        var token = reader.Current;
        if (token.Kind == TokenKind.QuotedName
            || (token.Kind == TokenKind.Word && Keywords.MayBeBareLabel(token.Text) && !StartsOperator(token.Text)))
        {
            return reader.Take().Text;
        }

        if (!token.IsPunctuation(",") && !token.IsWord("from") && token.Kind != TokenKind.End)
        {
            reader.Refuse();
        }

        return null;
    }

    /// <summary>Words that the keyword list allows as bare labels, but that continue an expression before them.</summary>
    private static bool StartsOperator(string word) =>
        word is "and" or "or" or "not" or "is" or "in" or "between" or "like" or "ilike" or "similar" or "at" or "collate" or "operator";
}
