using System.Collections.Immutable;
using SyncEngine.Changes;
using SyncEngine.Ports;
using SyncEngine.Sql;
using SyncEngine.Sql.Binding;
using SyncEngine.Sql.Catalog;
using SyncEngine.Sql.Parsing;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.Tests.Sql.Binding;

public sealed class SelectBinderTests
{
    private static readonly SqlType Int2 = Type(TypeOid.Int2, "int2");
    private static readonly SqlType Int4 = Type(TypeOid.Int4, "int4");
    private static readonly SqlType Int8 = Type(TypeOid.Int8, "int8");
    private static readonly SqlType Text = Type(TypeOid.Text, "text");
    private static readonly SqlType VarChar = Type(TypeOid.VarChar, "varchar");
    private static readonly SqlType Uuid = Type(TypeOid.Uuid, "uuid");
    private static readonly SqlType Bool = Type(TypeOid.Bool, "bool");
    private static readonly SqlType Numeric = Type(TypeOid.Numeric, "numeric");
    private static readonly SqlType Float8 = Type(TypeOid.Float8, "float8");
    private static readonly SqlType Email = Type(9001, "email") with { Schema = "public", Kind = SqlTypeKind.Domain, Element = Text };

    // attnum 4 was dropped.
    private static readonly Table Items = new(
        16384, "public", "items", 'r', ReplicaIdentity.Default,
        [
            Column(1, "id", Int8), Column(2, "room", Int4), Column(3, "body", Text), Column(5, "label", VarChar, hasByteOrder: false),
            Column(6, "folded", Text, hasByteEquality: false, hasByteOrder: false), Column(7, "owner", Uuid), Column(8, "done", Bool), Column(9, "price", Numeric),
            Column(10, "day", Type(TypeOid.Date, "date")), Column(11, "at", Type(TypeOid.Timestamp, "timestamp")), Column(12, "seen", Type(TypeOid.TimestampTz, "timestamptz")),
            Column(13, "ratio", Float8), Column(14, "made", Int4, isStreamed: false), Column(15, "mail", Email), Column(16, "small", Int2),
        ],
        [1], [1], [], IsStreamed: true, null, 0, HasRowSecurity: false, 1);

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
    [InlineData("day >= date '2020-02-29' AND at < '2020-01-01 10:00:00.5' AND seen > '2020-01-01T10:00:00+02'", "(and (c10>=?1082) (c11<?1114) (c12>?1184))", "2020-02-29|2020-01-01 10:00:00.5|2020-01-01T10:00:00+02")]
    [InlineData("TRUE OR FALSE OR NULL", "(or true false null)", "")]
    public void A_condition_is_bound_to_columns_and_slots(string condition, string shape, string literals)
    {
        var bound = Bound($"SELECT id FROM items WHERE {condition}");
        Assert.Equal("16384[1:\"id\" ]" + shape, QueryTemplate.Key(bound));
        Assert.Equal(literals, string.Join('|', bound.Slots.Select(slot => Assert.IsType<LiteralSource>(slot.Source).Text ?? "null")));
    }

    [Theory]
    [InlineData("room = 2147483648", "literals in this form are answered by Postgres")]
    [InlineData("small = 40000", "literals in this form are answered by Postgres")]
    [InlineData("small = 40000::int8", "literals beyond the column's type are answered by Postgres")]
    [InlineData("room = '0x5'", "literals in this form are answered by Postgres")]
    [InlineData("room = 0x5", "literals in this form are answered by Postgres")]
    [InlineData("room = 1.5", "operands of another type than the column's are answered by Postgres")]
    [InlineData("room = NULL", "a comparison with NULL is answered by Postgres")]
    [InlineData("price = 1e5", "literals in this form are answered by Postgres")]
    [InlineData("price = 'NaN'", "literals in this form are answered by Postgres")]
    [InlineData("day = 'today'", "literals in this form are answered by Postgres")]
    [InlineData("day = '2019-02-29'", "literals in this form are answered by Postgres")]
    [InlineData("day = 'infinity'", "literals in this form are answered by Postgres")]
    [InlineData("at = '2020-01-01 10:00:00Z'", "literals in this form are answered by Postgres")]
    [InlineData("at = '2020-01-01 24:00:00'", "literals in this form are answered by Postgres")]
    [InlineData("owner = '{00000000-0000-0000-0000-000000000000}'", "literals in this form are answered by Postgres")]
    [InlineData("done = 'yes'", "literals in this form are answered by Postgres")]
    [InlineData("seen = '2020-01-01'::timestamp", "casts to another type than the column's are answered by Postgres")]
    [InlineData("label = 'xyz'::varchar(2)", "casts to another type than the column's are answered by Postgres")]
    [InlineData("body = 'x'::public.text", "casts to another type than the column's are answered by Postgres")]
    [InlineData("folded = 'x'", "the collation of column \"folded\" is applied by Postgres")]
    [InlineData("folded IN ('x')", "the collation of column \"folded\" is applied by Postgres")]
    [InlineData("label < 'x'", "the collation of column \"label\" is applied by Postgres")]
    [InlineData("label BETWEEN 'x' AND 'y'", "the collation of column \"label\" is applied by Postgres")]
    [InlineData("ratio = 1", "conditions on type float8 are answered by Postgres")]
    [InlineData("mail = 'x'", "conditions on type public.email are answered by Postgres")]
    [InlineData("made = 1", "the column \"made\" is not in the stream")]
    [InlineData("made IS NULL", "the column \"made\" is tested by Postgres")]
    [InlineData("xmin = 1", "\"xmin\" is no column that the engine streams; Postgres answers it")]
    [InlineData("items IS NULL", "\"items\" is no column that the engine streams; Postgres answers it")]
    [InlineData("other.room = 1", "\"other\" is not the table of the query; Postgres answers what it is")]
    [InlineData("room = id", "comparisons between columns are answered by Postgres")]
    [InlineData("1 = 1", "comparisons without a column are answered by Postgres")]
    [InlineData("(room = 1) = true", "comparisons without a column are answered by Postgres")]
    [InlineData("$1", "a constant as a condition is answered by Postgres")]
    [InlineData("room", "the column \"room\" is not boolean")]
    public void Where_readings_could_differ_PostgreSQL_is_left_to_decide(string condition, string reason) =>
        Assert.Equal(reason, Refused($"SELECT id FROM items WHERE {condition}", description => description with { Parameters = [Bool] }).Reason);

    [Fact]
    public void Parameters_keep_the_type_that_PostgreSQL_gave_them()
    {
        var bound = Bound("SELECT id FROM items WHERE room = $2::int8 AND label = $1 OR room = $2::bigint", description => description with { Parameters = [Text, Int8] });
        Assert.Equal([Int8, Text, Int8], bound.Slots.Select(slot => slot.Type));
        Assert.Equal([2, 1, 2], bound.Slots.Select(slot => Assert.IsType<ParameterSource>(slot.Source).Number));
    }

    [Theory]
    [InlineData("room = $1", TypeOid.Numeric)]
    [InlineData("price = $1", TypeOid.Int4)]
    [InlineData("room = $1::int4", TypeOid.Int8)]
    [InlineData("owner = $1", TypeOid.Text)]
    public void Parameters_of_another_type_are_left_to_PostgreSQL(string condition, uint described)
    {
        var type = new[] { Numeric, Int4, Int8, Text }.Single(candidate => candidate.Oid == described);
        Assert.NotNull(Refused($"SELECT id FROM items WHERE {condition}", description => description with { Parameters = [type] }).Reason);
        Assert.NotNull(Refused($"SELECT id FROM items WHERE {condition}").Reason);
    }

    [Fact]
    public void Output_is_expanded_and_labelled()
    {
        Assert.Equal([(2, "body"), (0, "ID"), (1, "room")], Bound("SELECT body, items.id \"ID\", public.items.room FROM items", Described((Items.Columns[2], "body"), (Items.Columns[0], "ID"), (Items.Columns[1], "room"))).Output.Select(column => (column.Ordinal, column.Label)));
        var streamed = Items with { Columns = [.. Items.Columns.Where(column => column.IsStreamed)] };
        var all = Described([.. streamed.Columns.Select(column => (column, column.Name))]);
        Assert.Equal(streamed.Columns.Length, Bound("SELECT x.* FROM ONLY public.items AS x", all, Schema(streamed)).Output.Length);
        Assert.Equal("the column \"made\" is not in the stream", Refused("SELECT * FROM items", Described([.. Items.Columns.Select(column => (column, column.Name))])).Reason);
    }

    [Fact]
    public void A_domain_column_may_be_described_by_its_base_type() =>
        Assert.Single(Bound("SELECT mail FROM items", description => description with { Columns = [new ResultColumn("mail", Text, -1, 16384, 15, true)] }).Output);

    [Fact]
    public void What_PostgreSQL_describes_differently_is_left_to_it()
    {
        Func<QueryDescription, QueryDescription>[] differences =
        [
            description => description with { Columns = [] },
            description => description with { Columns = [.. description.Columns, .. description.Columns] },
            description => description with { Columns = [description.Columns[0] with { Name = "other" }] },
            description => description with { Columns = [description.Columns[0] with { TableOid = 7 }] },
            description => description with { Columns = [description.Columns[0] with { ColumnNumber = 2 }] },
            description => description with { Columns = [description.Columns[0] with { Type = Int4 }] },
            description => description with { Tables = [] },
            description => description with { Tables = [7] },
            description => description with { Tables = [16384, 7] },
            description => description with { Views = [7] },
            description => description with { HasRowSecurity = true },
            description => description with { ReadsClock = true },
            description => description with { HasOpaqueFunctions = true },
        ];
        Assert.All(differences, difference => Refused("SELECT id FROM items", difference));
        Assert.NotNull(Bound("SELECT id FROM items"));
    }

    [Fact]
    public void What_the_schema_says_against_it_is_left_to_PostgreSQL()
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
    public void An_alias_hides_the_name(string text) => Assert.Contains("is not the table of the query", Refused(text).Reason, StringComparison.Ordinal);

    [Theory]
    [InlineData("SELECT id FROM items ORDER BY id", "ORDER BY is answered by Postgres", 31)]
    [InlineData("SELECT id FROM items ORDER BY id LIMIT 1", "LIMIT is answered by Postgres", 40)]
    [InlineData("SELECT id FROM items OFFSET 1", "OFFSET is answered by Postgres", 29)]
    public void Order_and_limit_are_left_to_PostgreSQL(string text, string reason, int position)
    {
        var refusal = Refused(text);
        Assert.Equal((reason, position), (refusal.Reason, refusal.Position ?? 0));
    }

    [Theory]
    [InlineData("SELECT id FROM items WHERE room = 1 AND body = 'a'", "select ID from public.items t where (t.room) = 2 and t.body = $$b$$", true)]
    [InlineData("SELECT id FROM items WHERE room = 1", "SELECT id FROM items WHERE 7 = room", true)]
    [InlineData("SELECT id FROM items WHERE room = 1", "SELECT id FROM items WHERE room > 1", false)]
    [InlineData("SELECT id FROM items WHERE room = 1", "SELECT id FROM items WHERE id = 1", false)]
    [InlineData("SELECT id FROM items WHERE room = 1", "SELECT id AS id2 FROM items WHERE room = 1", false)]
    [InlineData("SELECT id FROM items WHERE room IN (1, 2)", "SELECT id FROM items WHERE room IN (1, 2, 3)", false)]
    [InlineData("SELECT id FROM items WHERE NOT (done AND room = 1)", "SELECT id FROM items WHERE NOT done AND room = 1", false)]
    public void Queries_that_differ_only_in_values_share_a_template(string left, string right, bool share)
    {
        var keys = new[] { left, right }.Select(text => QueryTemplate.Key(Bound(text, text.Contains("id2", StringComparison.Ordinal) ? Described((Items.Columns[0], "id2")) : null))).Distinct();
        Assert.Equal(share ? 1 : 2, keys.Count());
    }

    private static BoundSelect Bound(string text, Func<QueryDescription, QueryDescription>? change = null, DatabaseSchema? schema = null)
    {
        Assert.True(Bind(text, change, schema).IsCovered(out var bound, out var refusal), refusal?.ToString());
        return bound;
    }

    private static NotCovered Refused(string text, Func<QueryDescription, QueryDescription>? change = null, DatabaseSchema? schema = null)
    {
        Assert.False(Bind(text, change, schema).IsCovered(out _, out var refusal), text);
        return refusal;
    }

    private static Coverage<BoundSelect> Bind(string text, Func<QueryDescription, QueryDescription>? change, DatabaseSchema? schema)
    {
        Assert.True(SelectParser.Parse(QueryGate.Admit(text)).IsCovered(out var statement, out var refusal), refusal?.ToString());
        var description = Described((Items.Columns[0], "id"))(new QueryDescription([], [], [Items.Oid], [], HasRowSecurity: false, ReadsClock: false, HasOpaqueFunctions: false));
        return SelectBinder.Bind(statement, schema ?? Schema(Items), change?.Invoke(description) ?? description);
    }

    private static Func<QueryDescription, QueryDescription> Described(params (Column Column, string Label)[] columns) => description =>
        description with { Columns = [.. columns.Select(item => new ResultColumn(item.Label, item.Column.Type, -1, Items.Oid, item.Column.Number, IsNullable: true))] };

    private static DatabaseSchema Schema(Table table) =>
        new(1, 150000, new Dictionary<uint, Table> { [table.Oid] = table }, new Dictionary<uint, SqlType>(), ["public"], HasForeignOperators: false);

    private static Column Column(short number, string name, SqlType type, bool isStreamed = true, bool hasByteEquality = true, bool hasByteOrder = true) =>
        new(number, name, type, -1, IsNotNull: false, isStreamed, hasByteEquality, hasByteOrder);

    private static SqlType Type(uint oid, string name) => new(oid, "pg_catalog", name, SqlTypeKind.Base, null, [], [], HasJsonCast: false, ',');
}
