using SyncEngine.Permissions;
using SyncEngine.Planning;
using SyncEngine.Sql;
using SyncEngine.Sql.Binding;
using SyncEngine.Values;
using Xunit;
using static SyncEngine.Tests.Sql.Binding.ItemsTable;

namespace SyncEngine.Tests.Planning;

public sealed class DescriptionCheckTests
{
    [Fact]
    public void Parameters_get_the_type_that_PostgreSQL_inferred()
    {
        var check = Check(
            "SELECT id FROM items WHERE room = $2::int8 AND label = $1 OR room = $2::bigint", Description with { Parameters = [Text, Int8] });
        Assert.True(check.IsCovered(out var select, out var refusal), refusal?.ToString());
        Assert.Equal([Int8, Text, Int8], select.Operands.Select(operand => operand.Type));
        Assert.Equal([2, 1, 2], select.Operands.Select(operand => Assert.IsType<ParameterSource>(operand.Source).Number));
    }

    [Theory]
    [InlineData("room = $1", TypeOid.Numeric, "$1 is of type numeric, the column \"room\" of type int4")]
    [InlineData("price = $1", TypeOid.Int4, "$1 is of type int4, the column \"price\" of type numeric")]
    [InlineData("room = $1::int4", TypeOid.Int8, "casts of parameters are answered by PostgreSQL")]
    [InlineData("owner = $1", TypeOid.Text, "$1 is of type text, the column \"owner\" of type uuid")]
    public void Parameters_of_another_type_are_left_to_PostgreSQL(string condition, uint described, string reason)
    {
        var type = new[] { Numeric, Int4, Int8, Text }.Single(candidate => candidate.Oid == described);
        Assert.Equal(reason, Refused($"SELECT id FROM items WHERE {condition}", Description with { Parameters = [type] }));
        Assert.Equal("PostgreSQL describes the parameters differently", Refused($"SELECT id FROM items WHERE {condition}", Description));
    }

    [Fact]
    public void A_domain_column_may_be_described_by_its_base_type()
    {
        var description = Description with { Columns = [new ResultColumn("mail", Text, -1, Items.Oid, 15, IsNullable: true)] };
        Assert.True(Check("SELECT mail FROM items", description).IsCovered(out _, out _));
    }

    [Fact]
    public void A_reading_that_PostgreSQL_describes_differently_does_not_hold()
    {
        var id = Description.Columns[0];
        QueryDescription[] differences =
        [
            Description with { Columns = [] },
            Description with { Columns = [id, id] },
            Description with { Columns = [id with { Name = "other" }] },
            Description with { Columns = [id with { TableOid = 7 }] },
            Description with { Columns = [id with { ColumnNumber = 2 }] },
            Description with { Columns = [id with { Type = Int4 }] },
            Description with { Tables = [] },
            Description with { Tables = [7] },
            Description with { Tables = [16384, 7] },
            Description with { Views = [7] },
            Description with { ReadsClock = true },
            Description with { HasOpaqueFunctions = true },
        ];
        Assert.All(differences, difference => Refused("SELECT id FROM items", difference));
        Assert.True(Check("SELECT id FROM items", Description).IsCovered(out _, out _));
    }

    private static string Refused(string text, QueryDescription description)
    {
        Assert.False(Check(text, description).IsCovered(out _, out var refusal), text);
        return refusal.Reason;
    }

    private static Coverage<BoundSelect> Check(string text, QueryDescription description)
    {
        var query = BoundQuery.Bind(SelectStatement.Parse(text), Schema(Items));
        Assert.True(query.Reading.IsCovered(out var reading, out var refusal), refusal?.ToString());
        return DescriptionCheck.Confirm(reading, description);
    }
}
