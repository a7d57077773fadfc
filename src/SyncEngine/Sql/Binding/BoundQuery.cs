using SyncEngine.Catalog;

namespace SyncEngine.Sql.Binding;

/// <summary>A statement whose names have been resolved in one version of the schema. Only <see cref="Bind"/> makes one.</summary>
public sealed class BoundQuery
{
    private BoundQuery(SelectStatement statement, DatabaseSchema schema)
    {
        Statement = statement;
        Schema = schema;
        if (statement.Syntax.IsCovered(out var syntax, out var refusal))
        {
            Table = schema.Find(syntax.From.Schema, syntax.From.Name);
            Reading = SelectBinder.Bind(syntax, Table, schema);
        }
        else
        {
            Reading = refusal;
        }
    }

    public SelectStatement Statement { get; }

    /// <summary>The schema in which the names were resolved.</summary>
    public DatabaseSchema Schema { get; }

    /// <summary>The one relation that the query names; null when the parser does not cover it or the schema has no such name.</summary>
    public Table? Table { get; }

    /// <summary>The engine's own reading of the query, or the reason why PostgreSQL alone can answer it.</summary>
    public Coverage<BoundSelect> Reading { get; }

    public static BoundQuery Bind(SelectStatement statement, DatabaseSchema schema) => new(statement, schema);
}
