using System.Globalization;
using System.Text.Json;
using Dapper;
using Npgsql;
using SyncEngine.Catalog;
using SyncEngine.Ports;
using SyncEngine.Server.Authentication;
using SyncEngine.Values;

namespace SyncEngine.Server.Endpoints;

/// <summary>GET /schema: the relations that the caller may read.</summary>
static class SchemaEndpoint
{
    private static readonly JsonSerializerOptions json = new(JsonSerializerDefaults.Web);

    public static void MapSchema(this IEndpointRouteBuilder routes) => routes.MapGet("/schema", ReadAsync).RequirePrincipal();

    private static async Task<IResult> ReadAsync(HttpContext context, ISchemaSource schemas, NpgsqlDataSource database)
    {
        var principal = context.GetPrincipal();
        var schema = schemas.Current;
        await using var connection = await database.OpenConnectionAsync(context.RequestAborted);
        // Column by column: GRANT SELECT (a, b) shows a and b only.
        var readable = (await connection.QueryAsync<(long Table, short Column)>(new CommandDefinition(
            """
            SELECT a.attrelid::int8, a.attnum
            FROM pg_attribute a
            JOIN pg_class c ON c.oid = a.attrelid
            WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind = ANY('{r,p,v,m,f}'::"char"[])
              AND has_schema_privilege(COALESCE(@role, current_user)::name, c.relnamespace, 'USAGE')
              AND has_column_privilege(COALESCE(@role, current_user)::name, a.attrelid, a.attnum, 'SELECT')
              AND c.oid >= 16384
            """,
            new { role = principal.Role },
            cancellationToken: context.RequestAborted))).ToLookup(row => (uint)row.Table, row => row.Column);
        var relations = schema.Tables.Values
            .Where(table => readable.Contains(table.Oid))
            .OrderBy(table => table.Schema, StringComparer.Ordinal).ThenBy(table => table.Name, StringComparer.Ordinal)
            .Select(table => RelationAnswer.Of(table, [.. readable[table.Oid]]));
        return Results.Json(new SchemaAnswer(schema.Version.ToString(CultureInfo.InvariantCulture), [.. relations]), json);
    }
}

/// <param name="Version">Changes when the schema does.</param>
sealed record SchemaAnswer(string Version, IReadOnlyList<RelationAnswer> Relations);

sealed record RelationAnswer
{
    public required string Schema { get; init; }

    public required string Name { get; init; }

    public required string Kind { get; init; }

    public required IReadOnlyList<SchemaColumn> Columns { get; init; }

    /// <summary>Empty unless the caller may read all of its columns.</summary>
    public required IReadOnlyList<string> PrimaryKey { get; init; }

    /// <summary>Its changes can be followed.</summary>
    public required bool Live { get; init; }

    public required string? NotLiveBecause { get; init; }

    public static RelationAnswer Of(Table table, HashSet<short> readable) => new()
    {
        Schema = table.Schema,
        Name = table.Name,
        Kind = table.Kind switch
        {
            'r' => "table",
            'p' => "partitioned table",
            'v' => "view",
            'm' => "materialised view",
            _ => "foreign table",
        },
        Columns = [.. table.Columns.Where(column => readable.Contains(column.Number)).Select(SchemaColumn.Of)],
        PrimaryKey = table.PrimaryKey.All(readable.Contains) ? [.. table.PrimaryKey.Select(number => NameOf(table, number))] : [],
        Live = table.IsStreamed || table.Kind == 'v',
        NotLiveBecause = table.NotStreamedBecause,
    };

    private static string NameOf(Table table, short number) => table.Columns.First(column => column.Number == number).Name;
}

sealed record SchemaColumn(string Name, string Type, bool Nullable, IReadOnlyList<string>? EnumValues)
{
    public static SchemaColumn Of(Column column) => new(
        column.Name,
        column.Type.DisplayName,
        !column.IsNotNull,
        column.Type.Underlying.Kind == SqlTypeKind.Enum ? [.. column.Type.Underlying.EnumLabels] : null);
}
