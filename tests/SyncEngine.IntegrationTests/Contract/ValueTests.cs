using System.Text.Json;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>Values of docs/PROTOCOL.md, section 4: as to_json gives them, but int8 and numeric as strings; in snapshots and in diffs alike.</summary>
public sealed class ValueTests(PostgresFixture postgres)
{
    private static readonly (string Type, string[] Values)[] corpus =
    [
        ("bool", ["true", "false"]),
        ("int2", ["'-32768'", "7"]),
        ("int4", ["2147483647", "'-1'"]),
        ("int8", ["9223372036854775807", "'-9007199254740993'"]),
        ("float4", ["1.1", "'NaN'", "'-Infinity'", "3.4028235e38", "1e-7"]),
        ("float8", ["0.1", "'NaN'", "'Infinity'", "1e300", "'-0'", "123456789.123456789"]),
        ("numeric", ["1.10", "'NaN'", "12345678901234567890.000000000000000001", "0.00"]),
        ("numeric(12,2)", ["1.1"]),
        ("oid", ["4294967295"]),
        ("text", ["''", "E'quote\" back\\\\slash \\n\\t\\x01 </script> \\u2028 \\U0001F600'", "'null'"]),
        ("varchar(5)", ["'abc'"]),
        ("char(5)", ["'ab'"]),
        ("name", ["'a name'"]),
        ("\"char\"", ["'x'"]),
        ("bytea", ["'\\x00ff10'", "''"]),
        ("date", ["'2026-11-20'", "'infinity'", "'0044-03-15 BC'", "'20000-01-01'"]),
        ("time", ["'23:59:59.999999'", "'24:00'"]),
        ("timetz", ["'12:00+05:30'"]),
        ("timestamp", ["'2026-11-20 08:28:00.1'", "'-infinity'", "'0001-01-01 00:00:00 BC'"]),
        ("timestamptz", ["'2026-11-20 08:28:00.123456+02'", "'infinity'", "'2026-11-20 08:28:00+00'"]),
        ("interval", ["'1 year 2 mons -3 days 04:05:06.7'", "'0'", "'-1 day +02:00'"]),
        ("uuid", ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"]),
        ("json", ["'{\"b\" : 1,\n \"a\": [1.10, null], \"b\": 2}'", "'null'", "'\"text\"'"]),
        ("jsonb", ["'{\"b\": 1, \"a\": [1.10, null, 12345678901234567890]}'", "'null'"]),
        ("xml", ["'<a>1</a>'"]),
        ("inet", ["'10.0.0.1/8'", "'::1'"]),
        ("cidr", ["'10.0.0.0/8'"]),
        ("macaddr", ["'08:00:2b:01:02:03'"]),
        ("bit(4)", ["B'1010'"]),
        ("varbit", ["B'101'"]),
        ("money", ["12.34"]),
        ("point", ["'(1.5,2)'"]),
        ("box", ["'(1,1),(0,0)'"]),
        ("tsvector", ["'a:1 b:2'"]),
        ("tsquery", ["'a & b'"]),
        ("int4range", ["'[1,5)'", "'empty'"]),
        ("tstzrange", ["'[2026-11-20 08:28:00+02,)'"]),
        ("int4multirange", ["'{[1,3),[5,7)}'"]),
        ("pg_lsn", ["'0/16B3748'"]),
        ("int4[]", ["'{1,NULL,3}'", "'{}'", "'{{1,2},{3,4}}'", "'[2:3]={1,2}'"]),
        ("int8[]", ["'{1,NULL,9223372036854775807}'"]),
        ("numeric[]", ["'{1.10,NaN}'", "'{{1.1},{2.2}}'"]),
        ("text[]", ["'{\"a,b\",\"c\\\"d\",NULL,\"NULL\",\"\"}'"]),
        ("timestamptz[]", ["'{2026-11-20 08:28:00+02}'"]),
        ("bool[]", ["'{t,f}'"]),
        ("jsonb[]", ["ARRAY['{\"a\": 1}'::jsonb, 'null']"]),
        ("float8[]", ["'{NaN,1.5}'"]),
        ("mood", ["'glad'"]),
        ("mood[]", ["'{glad,\"so so\"}'"]),
        ("cents", ["5"]),
        ("cents[]", ["'{5,6}'"]),
        ("big", ["5"]),
        ("pair", ["ROW(1, 'x')", "ROW(NULL, NULL)"]),
        ("pair[]", ["ARRAY[ROW(1, 'x')::pair, NULL]"]),
    ];

    /// <summary>
    /// The types that the contract writes as strings, elements of arrays included; written out rather than taken from the engine.
    /// </summary>
    private static readonly string[] exact = ["int8", "numeric", "numeric(12,2)", "int8[]", "numeric[]", "cents", "cents[]", "big"];

    private const string Types =
        """
        CREATE TYPE mood AS ENUM ('sad', 'so so', 'glad');
        CREATE DOMAIN cents AS numeric(12, 2);
        CREATE DOMAIN big AS int8;
        CREATE TYPE pair AS (a int8, b text);
        """;

    /// <param name="mode">Of SELECT *: the JSON of composites is PostgreSQL's to make.</param>
    [Theory]
    [InlineData(false, "incremental")]
    [InlineData(true, "requery")]
    public async Task Values_are_as_to_json_gives_them(bool hasComposites, string mode)
    {
        var columns = corpus.Where(entry => hasComposites || !entry.Type.StartsWith("pair", StringComparison.Ordinal)).Select((entry, number) => (entry.Type, Name: $"c{number}", entry.Values)).ToList();
        var rows = Enumerable.Range(0, corpus.Max(entry => entry.Values.Length))
            .Select(row => $"({row}, {string.Join(", ", columns.Select(column => row < column.Values.Length ? $"{column.Values[row]}::{column.Type}" : "NULL"))})");
        await using var engine = await Engine.StartAsync(postgres, $"{Types} CREATE TABLE v (id int4 PRIMARY KEY, {string.Join(", ", columns.Select(column => $"{column.Name} {column.Type}"))})");
        // json and point know no "=", so their table needs a key that distinguishes rows.
        await using var followed = await engine.WatchAsync("SELECT * FROM v");
        await engine.ExecuteAsync($"INSERT INTO v VALUES {string.Join(", ", rows)}");
        await followed.UntilAsync(() => followed.Result.Count == rows.Count(), "all rows");
        await using var read = await engine.WatchAsync("SELECT * FROM v");
        await using var requeried = await engine.WatchAsync("SELECT * FROM v, (SELECT count(*) AS n FROM v) c");
        var expected = JsonElement.Parse(await ExpectedAsync(engine, columns.Select(column => (column.Name, column.Type))));

        Assert.Equal(mode, followed.Subscription.Plan.Mode);
        Assert.Empty(Differences(columns.Select(column => (column.Name, column.Type)).ToList(), expected, followed, "diff"));
        Assert.Empty(Differences(columns.Select(column => (column.Name, column.Type)).ToList(), expected, read, "snapshot"));
        Assert.Empty(Differences(columns.Select(column => (column.Name, column.Type)).ToList(), expected, requeried, "requery"));
    }

    private static async Task<string> ExpectedAsync(Engine engine, IEnumerable<(string Name, string Type)> columns)
    {
        await using var connection = await engine.Database.DataSource.OpenConnectionAsync();
        await using var set = connection.CreateCommand();
        set.CommandText = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1";
        await set.ExecuteNonQueryAsync();
        await using var command = connection.CreateCommand();
        var members = columns.Select(column => column switch
        {
            ("_", _) => "",
            var (name, type) when type.EndsWith("[]", StringComparison.Ordinal) && exact.Contains(type, StringComparer.Ordinal) => $"to_json({name}::text[])",
            var (name, type) when exact.Contains(type, StringComparer.Ordinal) => $"to_json({name}::text)",
            var (name, _) => $"to_json({name})",
        });
        command.CommandText = $"SELECT json_agg(json_build_array({string.Join(", ", members)}) ORDER BY id)::text FROM v";
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private static List<string> Differences(List<(string Name, string Type)> columns, JsonElement expected, Watch watch, string where)
    {
        List<string> differences = [];
        var rows = watch.Rows.Select(row => JsonElement.Parse(row)).OrderBy(row => row[0].GetInt32()).ToList();
        for (var row = 0; row < rows.Count; row++)
        {
            for (var column = 0; column < columns.Count; column++)
            {
                var (should, isSo) = (expected[row][column], rows[row][column + 1]);
                // Blanks outside strings and the order of nothing are json's own: compared as written where to_json keeps the text.
                if (Client.StrictResult.Canonical(should) != Client.StrictResult.Canonical(isSo))
                {
                    differences.Add($"{where}: {columns[column].Type}: {isSo.GetRawText()} instead of {should.GetRawText()}");
                }
            }
        }

        return differences;
    }
}
