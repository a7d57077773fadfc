using Npgsql;
using SyncEngine.Values;

namespace SyncEngine.IntegrationTests.Values;

/// <summary>Reads one type after the other from pg_type.</summary>
static class CatalogTypes
{
    public static async Task<SqlType> ReadAsync(NpgsqlConnection connection, string name)
    {
        await using var command = new NpgsqlCommand("SELECT $1::regtype::oid", connection) { Parameters = { new() { Value = name } } };
        return await ReadAsync(connection, (uint)(await command.ExecuteScalarAsync())!);
    }

    private static async Task<SqlType> ReadAsync(NpgsqlConnection connection, uint oid)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT n.nspname, t.typname, t.typtype::text, t.typdelim::text, t.typcategory::text, t.typelem, t.typbasetype,
                   t.oid >= 16384 AND EXISTS (SELECT FROM pg_cast c WHERE c.castsource = t.oid AND c.casttarget = 'json'::regtype)
            FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
            WHERE t.oid = $1
            """,
            connection)
        { Parameters = { new() { Value = oid, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid } } };
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        var (schema, name, kindCode, delimiter, category) =
            (reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetString(3)[0], reader.GetString(4));
        var (elementOid, baseOid, hasJsonCast) = ((uint)reader.GetValue(5), (uint)reader.GetValue(6), reader.GetBoolean(7));
        await reader.CloseAsync();

        var kind = kindCode switch
        {
            "c" => SqlTypeKind.Composite,
            "d" => SqlTypeKind.Domain,
            "e" => SqlTypeKind.Enum,
            "r" or "m" => SqlTypeKind.Range,
            "p" => SqlTypeKind.Pseudo,
            _ => category == "A" ? SqlTypeKind.Array : SqlTypeKind.Base,
        };
        var below = kind switch
        {
            SqlTypeKind.Array => await ReadAsync(connection, elementOid),
            SqlTypeKind.Domain => await ReadAsync(connection, baseOid),
            _ => null,
        };
        return new SqlType(oid, schema, name, kind, below, [], [], hasJsonCast, delimiter);
    }
}
