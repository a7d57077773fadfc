using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.Tests.Values;

public sealed class ColumnCodecTests
{
    private static readonly SqlType text = Types.Base(TypeOid.Text);
    private static readonly SqlType box = Types.Base(603, "box", delimiter: ';');

    [Theory]
    [InlineData(TypeOid.Bool, "t", "true")]
    [InlineData(TypeOid.Bool, "f", "false")]
    [InlineData(TypeOid.Int4, "-42", "-42")]
    [InlineData(TypeOid.Int8, "9007199254740993", "\"9007199254740993\"")]
    [InlineData(TypeOid.Numeric, "1.10", "\"1.10\"")]
    [InlineData(TypeOid.Numeric, "NaN", "\"NaN\"")]
    [InlineData(TypeOid.Float8, "1e-05", "1e-05")]
    [InlineData(TypeOid.Float8, "-0", "-0")]
    [InlineData(TypeOid.Float4, "-Infinity", "\"-Infinity\"")]
    [InlineData(TypeOid.Oid, "7", "\"7\"")]
    [InlineData(TypeOid.Json, "{\"a\" : 1}", "{\"a\" : 1}")]
    [InlineData(TypeOid.Jsonb, "null", "null")]
    [InlineData(TypeOid.Text, "", "\"\"")]
    [InlineData(TypeOid.Text, "\"\\\b\f\n\r\t\u0001\u001f\u007f", "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\u007f\"")]
    [InlineData(TypeOid.Date, "0044-03-15 BC", "\"0044-03-15 BC\"")]
    [InlineData(TypeOid.Timestamp, "2020-01-02 03:04:05.6", "\"2020-01-02T03:04:05.6\"")]
    [InlineData(TypeOid.Timestamp, "0044-03-15 10:00:00 BC", "\"0044-03-15T10:00:00 BC\"")]
    [InlineData(TypeOid.TimestampTz, "12020-01-02 03:04:05+00", "\"12020-01-02T03:04:05+00:00\"")]
    [InlineData(TypeOid.TimestampTz, "0044-03-15 10:00:00+00 BC", "\"0044-03-15T10:00:00+00:00 BC\"")]
    [InlineData(TypeOid.TimestampTz, "-infinity", "\"-infinity\"")]
    [InlineData(22, "1 2 3", "[1,2,3]")]
    [InlineData(30, "1 2", "[\"1\",\"2\"]")]
    [InlineData(22, "", "[]")]
    public void Text_becomes_what_to_json_gives_with_exact_numbers_as_strings(uint oid, string value, string json)
    {
        Assert.Equal(json, Encode(Types.Base(oid), value));
        Assert.Equal(json, Encode(Types.DomainOver(Types.Base(oid)), value));
    }

    [Theory]
    [InlineData("{}", "[]")]
    [InlineData("{NULL,\"NULL\",null,\"\"}", "[null,\"NULL\",\"null\",\"\"]")]
    [InlineData("{{a,\"b,}\"},{\"{\\\"\",\"\\\\\"}}", "[[\"a\",\"b,}\"],[\"{\\\"\",\"\\\\\"]]")]
    [InlineData("[0:1]={a,b}", "[\"a\",\"b\"]")]
    [InlineData("[-3:-3][2:3]={{a,b}}", "[[\"a\",\"b\"]]")]
    public void Arrays_nest_without_their_bounds(string value, string json) => Assert.Equal(json, Encode(Types.ArrayOf(text), value));

    [Fact]
    public void An_array_uses_its_elements_delimiter() =>
        Assert.Equal("[\"(1,1),(0,0)\",null]", Encode(Types.ArrayOf(box), "{(1,1),(0,0);NULL}"));

    [Fact]
    public void Elements_are_encoded_as_their_type_is()
    {
        Assert.Equal("[\"1\",null]", Encode(Types.ArrayOf(Types.Base(TypeOid.Int8)), "{1,NULL}"));
        Assert.Equal("[{\"a\": \"}\"}]", Encode(Types.ArrayOf(Types.Base(TypeOid.Jsonb)), "{\"{\\\"a\\\": \\\"}\\\"}\"}"));
        Assert.Equal(
            "[[1,2],[3]]", Encode(Types.ArrayOf(Types.DomainOver(Types.ArrayOf(Types.Base(TypeOid.Int4)))), "{\"{1,2}\",\"{3}\"}"));
    }

    [Fact]
    public void Composites_and_types_with_a_json_cast_and_arrays_and_domains_of_those_come_as_json_from_the_query()
    {
        SqlType[] opaque = [Types.Of(SqlTypeKind.Composite), Types.Of(SqlTypeKind.Pseudo), Types.Base(50_000, hasJsonCast: true)];
        foreach (var type in opaque)
        {
            Assert.False(ColumnCodec.For(type).IsNative);
            Assert.False(ColumnCodec.For(Types.DomainOver(type)).IsNative);
            Assert.False(ColumnCodec.For(Types.ArrayOf(Types.DomainOver(type))).IsNative);
            Assert.Equal("{\"a\":[1]}", Encode(type, "{\"a\":[1]}"));
        }

        Assert.True(ColumnCodec.For(Types.Of(SqlTypeKind.Enum)).IsNative);
        Assert.True(ColumnCodec.For(Types.ArrayOf(Types.Of(SqlTypeKind.Range))).IsNative);
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_replaced_and_the_json_stays_readable()
    {
        var output = new Utf8Buffer();
        ColumnCodec.For(text).Write([(byte)'a', 0xff, (byte)'"', 0xc3], output);
        Assert.Equal("\"a\uFFFD\\\"\uFFFD\"", Encoding.UTF8.GetString(output.Written));
    }

    [Fact]
    public void Any_text_comes_back_from_its_json() => Prop.ForAll(ArbMap.Default.ArbFor<NonNull<string>>(), value =>
    {
        var valid = WellFormed(value.Get);
        return JsonSerializer.Deserialize<string>(Encode(text, valid)) == valid;
    }).Check(Properties.Quiet);

    [Fact]
    public void Any_text_array_comes_back_from_its_json() => Prop.ForAll(ArbMap.Default.ArbFor<string?[]>(), values =>
    {
        var valid = values.Select(value => value is null ? null : WellFormed(value)).ToArray();
        var literal = "{" + string.Join(',', valid.Select(value =>
            value is null ? "NULL" : "\"" + value.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"")) + "}";
        return JsonSerializer.Deserialize<string?[]>(Encode(Types.ArrayOf(text), literal))!.SequenceEqual(valid);
    }).Check(Properties.Quiet);

    [Fact]
    public void A_value_allocates_nothing()
    {
        (ColumnCodec Codec, byte[] Text)[] values =
        [
            (ColumnCodec.For(text), "say \"hi\"\n"u8.ToArray()),
            (ColumnCodec.For(Types.Base(TypeOid.TimestampTz)), "2020-01-02 03:04:05.6+00"u8.ToArray()),
            (ColumnCodec.For(Types.Base(TypeOid.Numeric)), "1.10"u8.ToArray()),
            (ColumnCodec.For(Types.ArrayOf(text)), "{a,\"b c\",\"d\\\"\",NULL}"u8.ToArray()),
            (ColumnCodec.For(Types.Base(22)), "1 2 3"u8.ToArray()),
        ];
        var output = new Utf8Buffer();
        WriteAll();
        var before = GC.GetAllocatedBytesForCurrentThread();
        WriteAll();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void WriteAll()
        {
            for (var round = 0; round < 100; round++)
            {
                output.Clear();
                foreach (var (codec, value) in values)
                {
                    codec.Write(value, output);
                }
            }
        }
    }

    private static string Encode(SqlType type, string value)
    {
        var output = new Utf8Buffer();
        ColumnCodec.For(type).Write(Encoding.UTF8.GetBytes(value), output);
        return Encoding.UTF8.GetString(output.Written);
    }

    /// <summary>Lone surrogates cannot be in PostgreSQL, nor can NUL.</summary>
    private static string WellFormed(string value) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(value)).Replace("\0", "");
}
