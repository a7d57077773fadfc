using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Parsing;

/// <summary>Reads <c>[ONLY] [schema.]table [[AS] alias]</c>.</summary>
static class FromParser
{
    public static TableReference Read(TokenReader reader)
    {
        var at = reader.Position;
        var isOnly = reader.TakeWord("only");
        if (reader.Current.IsPunctuation("("))
        {
            var isSubquery = reader.Next.IsWord("select") || reader.Next.IsWord("values") || reader.Next.IsWord("with");
            throw reader.NotCovered(isSubquery ? Reasons.Subqueries : Reasons.Construct);
        }

        string? schema = null;
        var name = reader.TakeColumnName();
        if (reader.TakePunctuation("."))
        {
            (schema, name) = (name, reader.TakeAnyName());
        }

        if (reader.Current.IsPunctuation("("))
        {
            throw reader.NotCovered("functions in FROM are answered by PostgreSQL");
        }

        string? alias = null;
        if (reader.TakeWord("as") || reader.IsColumnName())
        {
            alias = reader.TakeColumnName();
        }

        if (reader.Current.IsPunctuation("("))
        {
            throw reader.NotCovered("column aliases of a table are answered by PostgreSQL");
        }

        return reader.Current.IsPunctuation(",")
            ? throw reader.NotCovered(Reasons.Joins)
            : new TableReference(at, isOnly, schema, name, alias);
    }
}
