using System.Text.Json;
using SyncEngine.Errors;
using SyncEngine.Planning;
using SyncEngine.Values;
using Xunit;
using Types = SyncEngine.Tests.Values.Types;

namespace SyncEngine.Tests.Planning;

public sealed class ParameterTextTests
{
    private static readonly SqlType int4 = Types.Base(TypeOid.Int4, "int4");
    private static readonly SqlType text = Types.Base(TypeOid.Text, "text");
    private static readonly SqlType jsonb = Types.Base(TypeOid.Jsonb, "jsonb");

    [Theory]
    [InlineData("null", null)]
    [InlineData("[]", "{}")]
    [InlineData("[1,\"2\",null]", "{\"1\",\"2\",NULL}")]
    [InlineData("[[1,2],[3,4]]", "{{\"1\",\"2\"},{\"3\",\"4\"}}")]
    public void Arrays_of_numbers_become_array_literals(string json, string? expected) =>
        Assert.Equal(expected, Of(json, Types.ArrayOf(int4)));

    [Fact]
    public void Quotes_backslashes_and_the_word_null_are_values_of_an_array_of_texts() =>
        Assert.Equal("{\"a\\\"b\",\"\\\\\",\"NULL\",\"\",\",}\"}", Of("""["a\"b","\\","NULL","",",}"]""", Types.ArrayOf(text)));

    [Fact]
    public void Json_null_is_sql_null_for_jsonb_too() => Assert.Null(Of("null", jsonb));

    [Fact]
    public void Json_is_itself_also_as_an_element()
    {
        Assert.Equal("""{"a":[1]}""", Of("""{"a":[1]}""", jsonb));
        Assert.Equal("\"x\"", Of("\"x\"", jsonb));
        Assert.Equal("""{"[1]","{\"a\":2}"}""", Of("""[[1],{"a":2}]""", Types.ArrayOf(jsonb)));
    }

    [Theory]
    [InlineData("\"a\\u0000b\"")]
    [InlineData("\"\\ud800\"")]
    public void Text_that_postgres_cannot_store_is_refused(string json) =>
        Assert.Equal(ErrorCode.InvalidRequest, Assert.Throws<SyncException>(() => Of(json, text)).Code);

    [Fact]
    public void An_object_is_no_number() => Assert.Equal(ErrorCode.TypeMismatch, Assert.Throws<SyncException>(() => Of("{}", int4)).Code);

    [Theory]
    [InlineData("+7", "7")]
    [InlineData("-0", "0")]
    [InlineData("007", "7")]
    [InlineData("2147483648", null)]
    [InlineData("1e3", null)]
    [InlineData(" 1", null)]
    public void An_integer_is_canonical_or_left_to_postgres(string given, string? expected) =>
        Assert.Equal(expected, ParameterText.Canonical(given, int4));

    private static string? Of(string json, SqlType type)
    {
        using var document = JsonDocument.Parse(json);
        return ParameterText.Of(document.RootElement, type, 1);
    }
}
