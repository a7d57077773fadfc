using System.Text;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.Tests.Values;

public sealed class RowEncoderTests
{
    private static readonly ColumnCodec number = ColumnCodec.For(Types.Base(TypeOid.Int4));
    private static readonly ColumnCodec exact = ColumnCodec.For(Types.Base(TypeOid.Int8));
    private static readonly ColumnCodec text = ColumnCodec.For(Types.Base(TypeOid.Text));

    [Fact]
    public void A_row_is_an_array_and_its_key_the_array_of_the_key_columns_in_key_order()
    {
        var encoder = new JsonRowEncoder([number, text, exact], [2, 0]);
        AssertRow(Encode(encoder, "1", "hi", "2"), "[\"2\",1]", "[1,\"hi\",\"2\"]");
        AssertRow(Encode(encoder, "3", null, "4"), "[\"4\",3]", "[3,null,\"4\"]");
    }

    [Fact]
    public void Rows_do_not_change_when_later_ones_are_encoded()
    {
        var encoder = new JsonRowEncoder([number], [0]);
        var first = Encode(encoder, "1");
        Encode(encoder, "2");
        AssertRow(first, "[1]", "[1]");
    }

    [Fact]
    public void A_row_that_lacks_columns_is_an_error()
    {
        var encoder = new JsonRowEncoder([number, text], [0]);
        encoder.Begin();
        encoder.Add("1"u8, isNull: false);
        Assert.Throws<InvalidOperationException>(() => encoder.End());
    }

    [Fact]
    public void Equal_rows_are_distinguished_by_an_ordinal()
    {
        var encoder = new ContentKeyedRowEncoder([text]);
        var first = Encode(encoder, "a");
        var other = Encode(encoder, "b");
        var second = Encode(encoder, "a");
        var third = Encode(encoder, "a");

        var id = first.Key.ToString()[2..^2];
        Assert.Equal(22, id.Length);
        AssertRow(first, $"[\"{id}\"]", $"[\"{id}\",\"a\"]");
        AssertRow(second, $"[\"{id}.2\"]", $"[\"{id}.2\",\"a\"]");
        AssertRow(third, $"[\"{id}.3\"]", $"[\"{id}.3\",\"a\"]");
        Assert.NotEqual(first.Key, other.Key);
    }

    [Fact]
    public void Keys_from_content_do_not_depend_on_order_and_start_again_with_a_new_result()
    {
        var encoder = new ContentKeyedRowEncoder([text, number]);
        var before = Rows([("a", "1"), ("b", null), ("a", "1"), (null, null)]);
        encoder.Reset();
        var after = Rows([(null, null), ("a", "1"), ("a", "1"), ("b", null)]);
        Assert.Equal(before, after);

        string[] Rows((string?, string?)[] rows) => rows.Select(row => Json(Encode(encoder, row.Item1, row.Item2))).Order(StringComparer.Ordinal).ToArray(
            );
    }

    [Fact]
    public void Columns_do_not_run_into_each_other_in_the_content()
    {
        var encoder = new ContentKeyedRowEncoder([text, text]);
        Assert.NotEqual(Encode(encoder, "a\",\"b", "c").Key, Encode(encoder, "a", "b\",\"c").Key);
        Assert.NotEqual(Encode(encoder, "null", "x").Key, Encode(encoder, null, "x").Key);
    }

    [Fact]
    public void A_result_without_columns_has_rows_of_only_a_key()
    {
        var row = Encode(new ContentKeyedRowEncoder([]));
        Assert.Equal(row.Key.ToString(), Json(row));
    }

    private static EncodedRow Encode(RowEncoder encoder, params string?[] values)
    {
        encoder.Begin();
        foreach (var value in values)
        {
            encoder.Add(Encoding.UTF8.GetBytes(value ?? ""), value is null);
        }

        return encoder.End();
    }

    private static string Json(EncodedRow row) => Encoding.UTF8.GetString(row.Json);

    private static void AssertRow(EncodedRow row, string key, string json)
    {
        Assert.Equal(key, row.Key.ToString());
        Assert.Equal(json, Json(row));
    }
}
