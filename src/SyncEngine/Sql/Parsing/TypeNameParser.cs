using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Parsing;

/// <summary>Reads a type's name; SQL's own spellings become the catalog's, as PostgreSQL's grammar makes them.</summary>
static class TypeNameParser
{
    private const string Catalog = "pg_catalog";

    /// <summary><c>date '…'</c>: a name right before a string, or the timestamp types, whose names have several words.</summary>
    public static bool BeginsTypedLiteral(TokenReader reader) =>
        reader.Next.Kind == TokenKind.String
        || (reader.IsWord("timestamp") && (reader.Next.IsPunctuation("(") || reader.Next.IsWord("with") || reader.Next.IsWord("without")));

    public static TypeName Read(TokenReader reader)
    {
        var type = reader.Current.Kind == TokenKind.Word && !reader.Next.IsPunctuation(".") ? Word(reader) : Named(reader);
        return reader.Current.IsPunctuation("[") || reader.IsWord("array")
            ? throw reader.NotCovered("arrays are answered by PostgreSQL")
            : type;
    }

    private static TypeName Word(TokenReader reader)
    {
        switch (reader.Current.Text)
        {
            case "int" or "integer":
                return Plain(reader, "int4");
            case "smallint":
                return Plain(reader, "int2");
            case "bigint":
                return Plain(reader, "int8");
            case "boolean":
                return Plain(reader, "bool");
            case "numeric" or "decimal" or "dec":
                reader.Take();
                return new TypeName(Catalog, "numeric", Modifier(reader));
            case "varchar":
                reader.Take();
                return new TypeName(Catalog, "varchar", Modifier(reader));
            case "character" when reader.Next.IsWord("varying"):
                reader.Take();
                reader.Take();
                return new TypeName(Catalog, "varchar", Modifier(reader));
            case "timestamp":
                return Timestamp(reader);
            case "bit" or "char" or "character" or "double" or "float" or "interval" or "national" or "nchar" or "real" or "setof"
                or "time":
                throw reader.NotCovered($"the type {reader.Current.Text} is left to PostgreSQL");
            default:
                return Named(reader);
        }
    }

    private static TypeName Plain(TokenReader reader, string name)
    {
        reader.Take();
        return new TypeName(Catalog, name, null);
    }

    private static TypeName Timestamp(TokenReader reader)
    {
        reader.Take();
        var modifier = Modifier(reader);
        var name = "timestamp";
        if (reader.IsWord("with") || reader.IsWord("without"))
        {
            name = reader.Take().Text == "with" ? "timestamptz" : "timestamp";
            reader.ExpectWord("time");
            reader.ExpectWord("zone");
        }

        return new TypeName(Catalog, name, modifier);
    }

    private static TypeName Named(TokenReader reader)
    {
        if (reader.Current.Kind == TokenKind.Word && Keywords.IsReserved(reader.Current.Text))
        {
            reader.Refuse();
        }

        string? schema = null;
        var name = reader.TakeAnyName();
        if (reader.TakePunctuation("."))
        {
            (schema, name) = (name, reader.TakeAnyName());
        }

        return new TypeName(schema, name, Modifier(reader));
    }

    /// <summary>(n) or (n, m), numbers only.</summary>
    private static string? Modifier(TokenReader reader)
    {
        if (!reader.TakePunctuation("("))
        {
            return null;
        }

        var numbers = new List<string>();
        do
        {
            numbers.Add(reader.Current.Kind == TokenKind.Integer ? reader.Take().Text : throw reader.NotCovered(Reasons.Construct));
        }
        while (reader.TakePunctuation(","));
        reader.ExpectPunctuation(")");
        return string.Join(", ", numbers);
    }
}
