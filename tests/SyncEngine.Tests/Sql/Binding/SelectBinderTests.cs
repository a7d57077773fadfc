using System.Collections.Immutable;
using SyncEngine.Catalog;
using SyncEngine.Sql;
using SyncEngine.Sql.Binding;
using SyncEngine.Values;
using Xunit;
using static SyncEngine.Tests.Sql.Binding.ItemsTable;

namespace SyncEngine.Tests.Sql.Binding;

public sealed class SelectBinderTests
{
    [Theory]
    [InlineData("room = 5", "(c2=?23)", "5")]
    [InlineData("5 < room", "(c2>?23)", "5")]
    [InlineData("items.room = -5 AND public.items.id = '7'", "(and (c2=?23) (c1=?20))", "-5|7")]
    [InlineData("small = 5 AND id >= 5::int2 AND id = CAST('5' AS int)", "(and (c16=?21) (c1>=?20) (c1=?20))", "5|5|5")]
    [InlineData("body = 'it''s' AND label <> 'x' AND body > 'b'", "(and (c3=?25) (c5<>?1043) (c3>?25))", "it's|x|b")]
    [InlineData("label = 'x'::text", "(c5=?1043)", "x")]
    [InlineData("room IN (1, '2', NULL)", "(in c2?23?23?23)", "1|2|null")]
    [InlineData("room NOT IN (1, 2)", "(not (in c2?23?23))", "1|2")]
    [InlineData("price BETWEEN 1 AND .5", "(and (c9>=?1700) (c9<=?1700))", "1|.5")]
    [InlineData("price NOT BETWEEN 1 AND 2.50", "(or (c9<?1700) (c9>?1700))", "1|2.50")]
    [InlineData("done", "c8", "")]
    [InlineData("NOT done OR done = true OR done = 'f'", "(or (not c8) (c8=?16) (c8=?16))", "true|f")]
    [InlineData("done IS NOT TRUE AND (room = 1) IS UNKNOWN", "(and (not (isTrue c8)) (isUnknown (c2=?23)))", "1")]
    [InlineData("ratio IS NULL AND room IS NOT NULL AND (room = 1) IS NULL", "(and (null c13) (not (null c2)) (isUnknown (c2=?23)))", "1")]
    [InlineData("room IS DISTINCT FROM NULL OR room IS NOT DISTINCT FROM 5", "(or (distinct c2?23) (not (distinct c2?23)))", "null|5")]
    [InlineData("owner = '00000000-0000-0000-0000-00000000000A'::uuid", "(c7=?2950)", "00000000-0000-0000-0000-00000000000A")]
    [InlineData(
        "day >= date '2020-02-29' AND at < '2020-01-01 10:00:00.5' AND seen > '2020-01-01T10:00:00+02'",
        "(and (c10>=?1082) (c11<?1114) (c12>?1184))", "2020-02-29|2020-01-01 10:00:00.5|2020-01-01T10:00:00+02")]
    [InlineData("TRUE OR FALSE OR NULL", "(or true false null)", "")]
    public void A_condition_is_bound_to_columns_and_operands(string condition, string shape, string literals)
    {
        var bound = Bound($"SELECT id FROM items WHERE {condition}");
        Assert.Equal("16384[1:\"id\" ]" + shape, TemplateKeyWriter.Write(bound));
        var texts = bound.Operands.Select(operand => Assert.IsType<LiteralSource>(operand.Source).Text ?? "null");
        Assert.Equal(literals, string.Join('|', texts));
    }

    [Theory]
    [InlineData("room = 2147483648", "literals in this form are answered by PostgreSQL")]
    [InlineData("small = 40000", "literals in this form are answered by PostgreSQL")]
    [InlineData("small = 40000::int8", "literals beyond the column's type are answered by PostgreSQL")]
    [InlineData("room = '0x5'", "literals in this form are answered by PostgreSQL")]
    [InlineData("room = 0x5", "literals in this form are answered by PostgreSQL")]
    [InlineData("room = 1.5", "operands of another type than the column's are answered by PostgreSQL")]
    [InlineData("room = NULL", "a comparison with NULL is answered by PostgreSQL")]
    [InlineData("price = 1e5", "literals in this form are answered by PostgreSQL")]
    [InlineData("price = 'NaN'", "literals in this form are answered by PostgreSQL")]
    [InlineData("day = 'today'", "literals in this form are answered by PostgreSQL")]
    [InlineData("day = '2019-02-29'", "literals in this form are answered by PostgreSQL")]
    [InlineData("day = 'infinity'", "literals in this form are answered by PostgreSQL")]
    [InlineData("at = '2020-01-01 10:00:00Z'", "literals in this form are answered by PostgreSQL")]
    [InlineData("at = '2020-01-01 24:00:00'", "literals in this form are answered by PostgreSQL")]
    [InlineData("owner = '{00000000-0000-0000-0000-000000000000}'", "literals in this form are answered by PostgreSQL")]
    [InlineData("done = 'yes'", "literals in this form are answered by PostgreSQL")]
    [InlineData("seen = '2020-01-01'::timestamp", "casts to another type than the column's are answered by PostgreSQL")]
    [InlineData("label = 'xyz'::varchar(2)", "casts to another type than the column's are answered by PostgreSQL")]
    [InlineData("body = 'x'::public.text", "casts to another type than the column's are answered by PostgreSQL")]
    [InlineData("folded = 'x'", "the collation of column \"folded\" is applied by PostgreSQL")]
    [InlineData("folded IN ('x')", "the collation of column \"folded\" is applied by PostgreSQL")]
    [InlineData("label < 'x'", "the collation of column \"label\" is applied by PostgreSQL")]
    [InlineData("label BETWEEN 'x' AND 'y'", "the collation of column \"label\" is applied by PostgreSQL")]
    [InlineData("ratio = 1", "conditions on type float8 are answered by PostgreSQL")]
    [InlineData("mail = 'x'", "conditions on type public.email are answered by PostgreSQL")]
    [InlineData("made = 1", "the column \"made\" is not in the stream")]
    [InlineData("made IS NULL", "the column \"made\" is tested by PostgreSQL")]
    [InlineData("xmin = 1", "\"xmin\" is not a column that the engine streams; PostgreSQL answers it")]
    [InlineData("items IS NULL", "\"items\" is not a column that the engine streams; PostgreSQL answers it")]
    [InlineData("other.room = 1", "\"other\" is not the table of the query; PostgreSQL answers it")]
    [InlineData("room = id", "comparisons between columns are answered by PostgreSQL")]
    [InlineData("1 = 1", "comparisons without a column are answered by PostgreSQL")]
    [InlineData("(room = 1) = true", "comparisons without a column are answered by PostgreSQL")]
    [InlineData("$1", "a constant as a condition is answered by PostgreSQL")]
    [InlineData("room", "the column \"room\" is not boolean")]
    public void Conditions_that_PostgreSQL_could_read_differently_are_left_to_it(string condition, string reason) =>
        Assert.Equal(reason, Refused($"SELECT id FROM items WHERE {condition}").Reason);

    [Fact]
    public void Parameters_carry_their_number_and_cast()
    {
        var bound = Bound("SELECT id FROM items WHERE room = $2::int8 AND label = $1");
        Assert.Equal(
            [new ParameterSource(2, TypeOid.Int8), new ParameterSource(1, null)], bound.Operands.Select(operand => operand.Source));
        Assert.Equal(["room", "label"], bound.Operands.Select(operand => operand.Column.Name));
    }

    [Fact]
    public void Output_is_expanded_and_labelled()
    {
        var bound = Bound("SELECT body, items.id \"ID\", public.items.room FROM items");
        Assert.Equal([(2, "body"), (0, "ID"), (1, "room")], bound.Output.Select(column => (column.Ordinal, column.Label)));
        var streamed = Items with { Columns = [.. Items.Columns.Where(column => column.IsStreamed)] };
        Assert.Equal(streamed.Columns.Length, Bound("SELECT x.* FROM ONLY public.items AS x", Schema(streamed)).Output.Length);
        Assert.Equal("the column \"made\" is not in the stream", Refused("SELECT * FROM items").Reason);
    }

    [Fact]
    public void Tables_that_the_tier_cannot_follow_are_left_to_PostgreSQL()
    {
        DatabaseSchema[] schemas =
        [
            Schema(Items with { Kind = 'v' }),
            Schema(Items with { Kind = 'p' }),
            Schema(Items with { Kind = 'f' }),
            Schema(Items with { Children = [7] }),
            Schema(Items with { IsStreamed = false }),
            Schema(Items with { Schema = "elsewhere" }),
            Schema(Items) with { HasForeignOperators = true },
        ];
        Assert.All(schemas, schema => Refused("SELECT id FROM items", schema: schema));
    }

    [Theory]
    [InlineData("SELECT id FROM items x WHERE items.room = 1")]
    [InlineData("SELECT id FROM items x WHERE public.x.room = 1")]
    [InlineData("SELECT items.id FROM items x")]
    [InlineData("SELECT x.* FROM items")]
    public void An_alias_hides_the_name(string text) =>
        Assert.Contains("is not the table of the query", Refused(text).Reason, StringComparison.Ordinal);

    [Theory]
    [InlineData("SELECT id FROM items ORDER BY id", "ORDER BY is answered by PostgreSQL", 31)]
    [InlineData("SELECT id FROM items ORDER BY id LIMIT 1", "LIMIT is answered by PostgreSQL", 40)]
    [InlineData("SELECT id FROM items OFFSET 1", "OFFSET is answered by PostgreSQL", 29)]
    public void Order_and_limit_are_left_to_PostgreSQL(string text, string reason, int position)
    {
        var refusal = Refused(text);
        Assert.Equal((reason, position), (refusal.Reason, refusal.Position ?? 0));
    }

    [Theory]
    [InlineData(
        "SELECT id FROM items WHERE room = 1 AND body = 'a'", "select ID from public.items t where (t.room) = 2 and t.body = $$b$$", true)]
    [InlineData("SELECT id FROM items WHERE room = 1", "SELECT id FROM items WHERE 7 = room", true)]
    [InlineData("SELECT id FROM items WHERE room = 1", "SELECT id FROM items WHERE room > 1", false)]
    [InlineData("SELECT id FROM items WHERE room = 1", "SELECT id FROM items WHERE id = 1", false)]
    [InlineData("SELECT id FROM items WHERE room = 1", "SELECT id AS id2 FROM items WHERE room = 1", false)]
    [InlineData("SELECT id FROM items WHERE room IN (1, 2)", "SELECT id FROM items WHERE room IN (1, 2, 3)", false)]
    [InlineData("SELECT id FROM items WHERE NOT (done AND room = 1)", "SELECT id FROM items WHERE NOT done AND room = 1", false)]
    public void Queries_that_differ_only_in_values_share_a_template(string left, string right, bool share)
    {
        var keys = new[] { left, right }.Select(text => TemplateKeyWriter.Write(Bound(text))).Distinct();
        Assert.Equal(share ? 1 : 2, keys.Count());
    }

    private static BoundSelect Bound(string text, DatabaseSchema? schema = null)
    {
        Assert.True(Read(text, schema).IsCovered(out var bound, out var refusal), refusal?.ToString());
        return bound;
    }

    private static NotCovered Refused(string text, DatabaseSchema? schema = null)
    {
        Assert.False(Read(text, schema).IsCovered(out _, out var refusal), text);
        return refusal;
    }

    private static Coverage<BoundSelect> Read(string text, DatabaseSchema? schema)
    {
        var statement = SelectStatement.Parse(text);
        Assert.True(statement.Syntax.IsCovered(out _, out var refusal), refusal?.ToString());
        return BoundQuery.Bind(statement, schema ?? Schema(Items)).Reading;
    }
}
