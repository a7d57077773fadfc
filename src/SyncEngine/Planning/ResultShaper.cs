using System.Collections.Immutable;
using SyncEngine.Permissions;
using SyncEngine.Sql.Binding;
using SyncEngine.Tiers;
using SyncEngine.Values;

namespace SyncEngine.Planning;

/// <summary>Decides the columns and the key of a result, and the query that reads it.</summary>
static class ResultShaper
{
    private const string HiddenKey = "$row";

    public static bool HasDistinctNames(QueryDescription description) =>
        description.Columns.Select(column => column.Name).Distinct(StringComparer.Ordinal).Count() == description.Columns.Length;

    /// <summary>The first type whose text is not its JSON; null when every column's text is.</summary>
    public static SqlType? FirstForeignType(QueryDescription description) =>
        description.Columns.Select(column => column.Type).FirstOrDefault(type => !ColumnCodec.For(type).IsNative);

    public static ResultShape ShapeOf(AuthorisedQuery query, TierPlan tier)
    {
        var described = query.Description.Columns;
        var codecs = described.Select(column => ColumnCodec.For(column.Type)).ToImmutableArray();
        var columns = described
            .Select(column => new OutputColumn(column.Name, column.Type.DisplayName, column.IsNullable))
            .ToImmutableArray();
        var isOrdered = query.Statement.IsOrdered;
        var key = KeyOf(query, tier);
        return key.IsEmpty
            ? new ResultShape(
                [new OutputColumn(HiddenKey, "text", IsNullable: false, IsHidden: true), .. columns],
                [HiddenKey],
                isOrdered,
                () => new ContentKeyedRowEncoder(codecs))
            : new ResultShape(columns, [.. key.Select(index => columns[index].Name)], isOrdered, () => new JsonRowEncoder(codecs, key));
    }

    /// <summary>Has PostgreSQL convert columns to JSON whose text is not their JSON: composites, types with a cast to json.</summary>
    public static string ReadSql(AuthorisedQuery query)
    {
        var text = query.Statement.Text;
        var codecs = query.Description.Columns.Select(column => ColumnCodec.For(column.Type)).ToImmutableArray();
        if (codecs.All(codec => codec.IsNative))
        {
            return text;
        }

        var outputs = codecs.Select((codec, i) => codec.IsNative ? $"\"q\".\"c{i}\"" : $"to_json(\"q\".\"c{i}\")::text");
        var names = codecs.Select((_, i) => $"\"c{i}\"");
        return $"SELECT {string.Join(", ", outputs)} FROM ({text}) AS \"q\"({string.Join(", ", names)})";
    }

    /// <summary>Indices of the key's columns; empty when no columns identify a row.</summary>
    private static ImmutableArray<int> KeyOf(AuthorisedQuery query, TierPlan tier) =>
        HasDistinctNames(query.Description) ? tier.ResultKey ?? PrimaryKeyOf(query.Query, query.Description) : [];

    /// <summary>
    /// The primary key's columns in the result, when the query reads rows of one table that has one. Inheriting tables do not share their
    /// parent's key; partitions do.
    /// </summary>
    private static ImmutableArray<int> PrimaryKeyOf(BoundQuery query, QueryDescription description)
    {
        if (query.Table is not { PrimaryKey.IsEmpty: false, Kind: 'r' or 'p' } table || table is { Kind: 'r', Children.IsEmpty: false })
        {
            return [];
        }

        var columns = description.Columns.ToList();
        var indices = table.PrimaryKey
            .Select(number => columns.FindIndex(column => column.TableOid == table.Oid && column.ColumnNumber == number))
            .ToImmutableArray();
        return indices.Contains(-1) ? [] : indices;
    }
}
