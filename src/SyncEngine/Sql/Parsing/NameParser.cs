using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Parsing;

/// <summary>Reads a column's name with what qualifies it.</summary>
static class NameParser
{
    public static ColumnReference ReadColumn(TokenReader reader)
    {
        var at = reader.Position;
        return ToColumn(at, Read(reader, allowStar: false).Parts);
    }

    public static ColumnReference ToColumn(SourcePosition at, IReadOnlyList<string> parts) => parts switch
    {
        [var name] => new ColumnReference(at, null, null, name),
        [var table, var name] => new ColumnReference(at, null, table, name),
        [var schema, var table, var name] => new ColumnReference(at, schema, table, name),
        _ => throw new NotCoveredException(Reasons.Construct, at.Character),
    };

    public static (IReadOnlyList<string> Parts, bool IsStar) Read(TokenReader reader, bool allowStar)
    {
        RefuseCall(reader);
        var parts = new List<string> { reader.TakeColumnName() };
        while (reader.Current.IsPunctuation("."))
        {
            reader.Take();
            if (allowStar && reader.Current.IsOperator("*"))
            {
                reader.Take();
                return (parts, true);
            }

            RefuseCall(reader);
            parts.Add(reader.TakeAnyName());
        }

        return (parts, false);
    }

    private static void RefuseCall(TokenReader reader)
    {
        if (reader.Current.IsName && reader.Next.IsPunctuation("("))
        {
            throw reader.NotCovered(Reasons.ForCall(reader.Current));
        }
    }
}
