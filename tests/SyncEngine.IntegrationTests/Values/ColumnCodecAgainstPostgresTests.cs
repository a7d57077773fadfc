using System.Text;
using System.Text.Json;
using Npgsql;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.IntegrationTests.Values;

public sealed class ColumnCodecAgainstPostgresTests(ValuesDatabase postgres) : IClassFixture<ValuesDatabase>
{
    private const int ValuesPerType = 150;
    private const int Seed = 20261120;

    private const string OwnTypes =
        """
        BEGIN;
        CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;
        CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;
        CREATE SCHEMA codec;
        SET LOCAL search_path TO codec, public;
        CREATE TYPE mood AS ENUM ('happy', 'it''s "so, so"', 'back\slash', '😀', 'NULL', '');
        CREATE DOMAIN big AS bigint CHECK (value IS DISTINCT FROM 13);
        CREATE DOMAIN bigger AS big;
        CREATE DOMAIN price AS numeric(60, 4);
        CREATE DOMAIN label AS text;
        CREATE DOMAIN bigs AS bigint[];
        CREATE DOMAIN moment AS timestamptz;
        CREATE DOMAIN tags AS hstore;
        CREATE TYPE pair AS (a bigint, b text);
        CREATE DOMAIN pair_domain AS pair;
        """;

    [Fact]
    public async Task Every_type_is_encoded_as_to_json_does_but_for_exact_numbers()
    {
        await using var connection = await OpenAsync();
        var values = new RandomValues(Seed);
        var scalars = Scalars(values);
        foreach (var (name, literal) in scalars)
        {
            var type = await CatalogTypes.ReadAsync(connection, name);
            Assert.True(ColumnCodec.For(type).IsNative, name);
            await CompareAsync(connection, type, name, literal);
        }
    }

    [Fact]
    public async Task Arrays_of_every_type_are_encoded_as_to_json_does_but_for_exact_numbers()
    {
        await using var connection = await OpenAsync();
        var values = new RandomValues(Seed + 1);
        foreach (var (name, literal) in Scalars(values))
        {
            var array = name + "[]";
            var type = await CatalogTypes.ReadAsync(connection, array);
            Assert.True(ColumnCodec.For(type).IsNative, array);
            await CompareAsync(connection, type, array, () => values.Array(literal, type.Delimiter));
        }
    }

    [Theory]
    [InlineData("pair", "(1,\"a \"\"b\"\"\")")]
    [InlineData("pair_domain", "(1,b)")]
    [InlineData("pair[]", "{\"(1,b)\"}")]
    [InlineData("hstore", "a=>1")]
    [InlineData("tags", "a=>1")]
    [InlineData("tags[]", "{a=>1}")]
    public async Task Types_that_are_not_native_are_passed_through_from_to_json(string name, string literal)
    {
        await using var connection = await OpenAsync();
        var codec = ColumnCodec.For(await CatalogTypes.ReadAsync(connection, name));
        Assert.False(codec.IsNative);

        await using var command = new NpgsqlCommand($"SELECT to_json($1::text::{name})::text", connection) { Parameters = { new() { Value = literal } } };
        var json = (string)(await command.ExecuteScalarAsync())!;
        Assert.Equal(json, Encode(codec, json));
    }

    /// <summary>The types are made in a transaction that is never committed: closing the connection takes them back.</summary>
    private async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = await postgres.Database.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(OwnTypes, connection);
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    private static (string Type, Func<string> Literal)[] Scalars(RandomValues values) =>
    [
        ("boolean", () => values.Pick("true", "false")),
        ("smallint", () => values.Integer(16)),
        ("integer", () => values.Integer(32)),
        ("bigint", () => values.Integer(64)),
        ("oid", () => values.Pick("0", "4294967295", "26")),
        ("real", values.Single),
        ("double precision", values.Double),
        ("numeric", values.Numeric),
        ("money", () => values.Pick("1.50", "-92233720368547758.08", "1234567.89")),
        ("text", values.Text),
        ("varchar", values.Text),
        ("bpchar", values.Text),
        ("name", values.Text),
        ("\"char\"", () => values.Pick("a", "\"", "\\", "\u0001", "")),
        ("citext", values.Text),
        ("bytea", values.Bytes),
        ("date", values.Date),
        ("time", values.Time),
        ("timetz", () => values.Time() + values.Pick("+00", "-08", "+05:30")),
        ("timestamp", values.Timestamp),
        ("timestamptz", values.TimestampTz),
        ("interval", values.Interval),
        ("uuid", values.Uuid),
        ("json", () => values.Json()),
        ("jsonb", () => values.Json()),
        ("inet", () => values.Pick("10.0.0.1", "10.0.0.0/8", "::1", "fe80::/10")),
        ("cidr", () => values.Pick("10.0.0.0/8", "::1/128")),
        ("macaddr", () => "08:00:2b:01:02:03"),
        ("bit varying", () => values.Pick("", "101", "0")),
        ("point", () => values.Pick("(1,2)", "(-1.5,1e300)", "(NaN,Infinity)")),
        ("box", () => values.Pick("(1,2),(0,0)", "(-1.5,1e30),(0,1)")),
        ("polygon", () => "((0,0),(1,1),(2,0))"),
        ("tsvector", () => values.Pick("a b:1A", "'it''s' x")),
        ("tsquery", () => values.Pick("a & b", "'x y' | z")),
        ("jsonpath", () => values.Pick("$.a", "$[*] ? (@ > 1)")),
        ("int4range", () => values.Pick("empty", "[1,4]", "(,3)", "(,)")),
        ("numrange", () => values.Pick("empty", "[1.10,4)", "(,3]")),
        ("tstzrange", () => values.Pick("[2020-01-01,2021-01-01)", "[2020-01-01,infinity]", "(,)")),
        ("int4multirange", () => values.Pick("{}", "{[1,3),[5,)}")),
        ("pg_lsn", () => "16/B374D848"),
        ("int2vector", () => values.Pick("", "1", "1 -2 3")),
        ("oidvector", () => values.Pick("", "1", "1 2 3")),
        ("regclass", () => values.Pick("pg_class", "information_schema.columns")),
        ("mood", () => values.Pick("happy", "it's \"so, so\"", "back\\slash", "😀", "NULL", "")),
        ("big", () => values.Integer(64)),
        ("bigger", () => values.Integer(64)),
        ("price", () => values.Pick("1.1", "-0", "NaN", "99999999999999999999.12345")),
        ("label", values.Text),
        ("moment", values.TimestampTz),
        ("bigs", () => values.Array(() => values.Integer(64))),
    ];

    private static async Task CompareAsync(NpgsqlConnection connection, SqlType type, string name, Func<string> literal)
    {
        // format's %s is the output function itself; a cast to text differs for bool, bpchar, inet and others.
        await using var command = new NpgsqlCommand(
            $"SELECT input, format('%s', value), to_json(value)::text FROM (SELECT input, input::{name} AS value FROM unnest($1::text[]) AS input OFFSET 0) AS typed",
            connection)
        { Parameters = { new() { Value = Enumerable.Range(0, ValuesPerType).Select(_ => literal()).ToArray() } } };
        var codec = ColumnCodec.For(type);
        var isExact = IsExact(type);
        var compared = 0;
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            var ours = Encode(codec, reader.GetString(1));
            var theirs = reader.GetString(2);
            Assert.True(IsSame(ours, theirs, isExact), $"{name} {reader.GetString(0)}: ours {ours}, to_json {theirs}");
            compared++;
        }

        Assert.Equal(ValuesPerType, compared);
    }

    private static string Encode(ColumnCodec codec, string text)
    {
        var output = new Utf8Buffer();
        codec.Write(Encoding.UTF8.GetBytes(text), output);
        return Encoding.UTF8.GetString(output.Written);
    }

    private static bool IsExact(SqlType type) => type.Underlying switch
    {
        { Kind: SqlTypeKind.Array, Oid: not 22 and not 30, Element: { } element } => IsExact(element),
        { Oid: TypeOid.Int8 or TypeOid.Numeric } => true,
        _ => false,
    };

    private static bool IsSame(string ours, string theirs, bool isExact)
    {
        using var first = JsonDocument.Parse(ours);
        using var second = JsonDocument.Parse(theirs);
        return IsSame(first.RootElement, second.RootElement, isExact);
    }

    private static bool IsSame(JsonElement ours, JsonElement theirs, bool isExact)
    {
        if (isExact && theirs.ValueKind == JsonValueKind.Number)
        {
            return ours.ValueKind == JsonValueKind.String && ours.GetString() == theirs.GetRawText();
        }

        return ours.ValueKind == theirs.ValueKind && theirs.ValueKind switch
        {
            JsonValueKind.String => ours.GetString() == theirs.GetString(),
            JsonValueKind.Array => ours.GetArrayLength() == theirs.GetArrayLength()
                && ours.EnumerateArray().Zip(theirs.EnumerateArray()).All(pair => IsSame(pair.First, pair.Second, isExact)),
            _ => ours.GetRawText() == theirs.GetRawText(),
        };
    }
}
