using System.Text.Json;
using SyncEngine.Errors;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;
using Xunit;

namespace SyncEngine.Tests.Server.Options;

public sealed class NamedQueriesTests
{
    private static readonly QueryOptions options = OptionsBinder.Bind<QueryOptions>(
        OptionsBinderTests.Of(
            ("SyncEngine:Queries:Named:room_messages:Sql", "SELECT id FROM messages WHERE room_id = $1 LIMIT $2"),
            ("SyncEngine:Queries:Named:room_messages:Parameters", "room,limit"),
            ("SyncEngine:Queries:Named:rooms:Sql", "SELECT id FROM rooms")),
        QueryOptions.Section) with
    {
        Directory = "no such folder",
    };

    private readonly NamedQueries queries = NamedQueries.Load(options, AppContext.BaseDirectory);

    [Theory]
    [InlineData("""{"limit":10,"room":42}""", "42|10")]
    [InlineData("""{"room":42}""", "42|null")]
    [InlineData("""[42,10]""", "42|10")]
    [InlineData("null", "null|null")]
    public void Values_come_in_the_order_of_the_parameters(string given, string values)
    {
        var resolved = queries.Resolve("room_messages", JsonElement.Parse(given));

        Assert.Equal("SELECT id FROM messages WHERE room_id = $1 LIMIT $2", resolved.Sql);
        Assert.Equal(values, string.Join('|', resolved.Values.Select(value => value.GetRawText())));
    }

    [Fact]
    public void A_query_without_parameters_takes_none()
    {
        Assert.Empty(queries.Resolve("rooms", default).Values);
        Assert.Equal(ErrorCode.InvalidRequest, Assert.Throws<SyncException>(() => queries.Resolve("rooms", JsonElement.Parse("[1]"))).Code);
    }

    [Theory]
    [InlineData("nothing", "{}")]
    [InlineData("ROOMS", "{}")]
    [InlineData("room_messages", """{"rom":42}""")]
    [InlineData("room_messages", "[42]")]
    [InlineData("room_messages", "42")]
    public void An_unknown_query_or_parameter_is_an_invalid_request(string name, string given)
    {
        Assert.Equal(ErrorCode.InvalidRequest, Assert.Throws<SyncException>(() => queries.Resolve(name, JsonElement.Parse(given))).Code);
    }

    [Theory]
    [InlineData("-- params: room, limit\nSELECT $1, $2", "room|limit")]
    [InlineData("--  params: room\r\nSELECT $1", "")]
    [InlineData("-- params: room\r\nSELECT $1", "room")]
    [InlineData("SELECT 1 -- params: room", "")]
    [InlineData("-- params:", "")]
    public void A_files_first_line_names_its_parameters(string text, string parameters)
    {
        var query = NamedQueries.Read("q", text);
        Assert.Equal((text, parameters), (query.Sql, string.Join('|', query.Parameters)));
    }

    [Fact]
    public void A_query_without_SQL_or_with_a_repeated_parameter_ends_the_start()
    {
        Assert.Throws<OperatorException>(() => NamedQueries.Load(new() { Named = { ["q"] = new() } }, AppContext.BaseDirectory));
        var repeated = new NamedQueryOptions { Sql = "SELECT $1, $2", Parameters = ["a", "a"] };
        Assert.Throws<OperatorException>(() => NamedQueries.Load(new() { Named = { ["q"] = repeated } }, AppContext.BaseDirectory));
    }
}
