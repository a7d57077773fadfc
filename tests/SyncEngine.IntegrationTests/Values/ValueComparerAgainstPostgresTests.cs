using System.Text;
using Npgsql;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.IntegrationTests.Values;

public sealed class ValueComparerAgainstPostgresTests(ValuesDatabase postgres) : IClassFixture<ValuesDatabase>
{
    private const int Values = 70;
    private const int Seed = 742;

    [Theory]
    [InlineData("int2")]
    [InlineData("int4")]
    [InlineData("int8")]
    [InlineData("numeric")]
    [InlineData("bool")]
    [InlineData("uuid")]
    [InlineData("date")]
    [InlineData("timestamp")]
    [InlineData("timestamptz")]
    [InlineData("text")]
    [InlineData("varchar")]
    public async Task Equality_and_order_are_PostgreSQLs(string type)
    {
        await using var connection = await postgres.Database.OpenConnectionAsync();
        var comparer = ValueComparer.For(await CatalogTypes.ReadAsync(connection, type))!;
        var collation = comparer.IsCollated ? " COLLATE \"C\"" : "";
        await using var command = new NpgsqlCommand(
            $"""
            WITH input AS MATERIALIZED (SELECT text::{type}{collation} AS value FROM unnest($1::text[]) AS text)
            SELECT format('%s', a.value), format('%s', b.value), a.value = b.value, a.value < b.value, a.value > b.value FROM input AS a, input AS b
            """,
            connection)
        { Parameters = { new() { Value = Inputs(type, new RandomValues(Seed)) } } };
        await using var reader = await command.ExecuteReaderAsync();
        var compared = 0;
        while (await reader.ReadAsync())
        {
            var (left, right) = (Encoding.UTF8.GetBytes(reader.GetString(0)), Encoding.UTF8.GetBytes(reader.GetString(1)));
            var pair = $"{reader.GetString(0)} and {reader.GetString(1)}";
            Assert.True(comparer.AreEqual(left, right) == reader.GetBoolean(2), pair);
            Assert.True(comparer.EqualityKey(left).SequenceEqual(comparer.EqualityKey(right)) == reader.GetBoolean(2), pair);
            Assert.True(comparer.Compare(left, right) < 0 == reader.GetBoolean(3), pair);
            Assert.True(comparer.Compare(left, right) > 0 == reader.GetBoolean(4), pair);
            compared++;
        }

        Assert.Equal(Values * Values, compared);
    }

    private static string[] Inputs(string type, RandomValues values) => [.. Enumerable.Range(0, Values).Select(_ => type switch
    {
        "int2" => values.Integer(16),
        "int4" => values.Integer(32),
        "int8" => values.Integer(64),
        "numeric" => values.Below(2) == 0 ? values.Numeric() : $"{values.Pick("", "-")}{values.Below(3)}{values.Pick("", ".0", ".1", ".10", ".11", ".100", "0", "00.0", "0.01")}",
        "bool" => values.Pick("t", "f"),
        "uuid" => values.Below(3) == 0 ? "00000000-0000-0000-0000-00000000000a" : values.Uuid(),
        "date" => values.Date(),
        "timestamp" => values.Timestamp(),
        "timestamptz" => values.TimestampTz(),
        _ => values.Text(),
    })];
}
