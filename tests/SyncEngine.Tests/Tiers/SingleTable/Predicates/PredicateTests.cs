using System.Text;
using SyncEngine.Changes;
using SyncEngine.Tests.Values;
using SyncEngine.Tiers.SingleTable.Predicates;
using SyncEngine.Values;
using Xunit;
using static SyncEngine.Tiers.SingleTable.Predicates.ComparisonOperator;
using static SyncEngine.Tiers.SingleTable.Predicates.Truth;

namespace SyncEngine.Tests.Tiers.SingleTable.Predicates;

public sealed class PredicateTests
{
    private static readonly ValueComparer integers = ValueComparer.For(Types.Base(TypeOid.Int4))!;

    [Theory]
    [InlineData(Equal, False, True, False)]
    [InlineData(NotEqual, True, False, True)]
    [InlineData(Less, True, False, False)]
    [InlineData(Greater, False, False, True)]
    [InlineData(LessOrEqual, True, True, False)]
    [InlineData(GreaterOrEqual, False, True, True)]
    public void Comparisons_are_by_value_and_unknown_with_null(ComparisonOperator @operator, Truth below, Truth same, Truth above)
    {
        var comparison = new Comparison(0, @operator, 0, integers);
        Assert.Equal(below, Tuples.Evaluate(comparison, ["9"], "10"));
        Assert.Equal(same, Tuples.Evaluate(comparison, ["10"], "10"));
        Assert.Equal(above, Tuples.Evaluate(comparison, ["11"], "10"));
        Assert.Equal(Unknown, Tuples.Evaluate(comparison, [null], "10"));
        Assert.Equal(Unknown, Tuples.Evaluate(comparison, ["10"], [null]));
        Assert.Equal(Undecidable, Tuples.Evaluate(comparison, [Tuples.Unchanged], "10"));
        Assert.Equal(Unknown, Tuples.Evaluate(comparison, [Tuples.Unchanged], [null]));

        var columns = new ColumnComparison(0, @operator, 1, integers);
        Assert.Equal(below, Tuples.Evaluate(columns, ["9", "10"]));
        Assert.Equal(same, Tuples.Evaluate(columns, ["10", "10"]));
        Assert.Equal(above, Tuples.Evaluate(columns, ["11", "10"]));
        Assert.Equal(Unknown, Tuples.Evaluate(columns, [null, Tuples.Unchanged]));
        Assert.Equal(Undecidable, Tuples.Evaluate(columns, ["1", Tuples.Unchanged]));
    }

    [Theory]
    [InlineData("1", "1", null, True)]
    [InlineData("2", "1", null, Unknown)]
    [InlineData("2", "1", "3", False)]
    [InlineData(null, "1", "3", Unknown)]
    public void In_lists_hit_before_null_and_miss_into_unknown(string? value, string? first, string? second, Truth expected)
    {
        Assert.Equal(expected, Tuples.Evaluate(new InList(0, [0, 1], false, integers), [value], first, second));
        Assert.Equal(TruthLogic.Not(expected), Tuples.Evaluate(new InList(0, [0, 1], true, integers), [value], first, second));
    }

    [Fact]
    public void An_empty_list_holds_nothing_not_even_null()
    {
        Assert.Equal(False, Tuples.Evaluate(new InList(0, [], false, integers), [null]));
        Assert.Equal(True, Tuples.Evaluate(new InList(0, [], true, integers), [Tuples.Unchanged]));
    }

    [Theory]
    [InlineData("1", "1", "3", True)]
    [InlineData("3", "1", "3", True)]
    [InlineData("4", "1", "3", False)]
    [InlineData("2", "3", "1", False)]
    [InlineData("4", null, "3", False)]
    [InlineData("2", null, "3", Unknown)]
    [InlineData(null, "1", "3", Unknown)]
    public void Between_includes_its_ends_and_one_end_may_decide_alone(string? value, string? low, string? high, Truth expected)
    {
        Assert.Equal(expected, Tuples.Evaluate(new Between(0, 0, 1, false, integers), [value], low, high));
        Assert.Equal(TruthLogic.Not(expected), Tuples.Evaluate(new Between(0, 0, 1, true, integers), [value], low, high));
    }

    [Fact]
    public void An_unchanged_value_is_known_not_to_be_null()
    {
        Assert.Equal(True, Tuples.Evaluate(new NullTest(0, false), [null]));
        Assert.Equal(False, Tuples.Evaluate(new NullTest(0, false), ["1"]));
        Assert.Equal(False, Tuples.Evaluate(new NullTest(0, false), [Tuples.Unchanged]));
        Assert.Equal(True, Tuples.Evaluate(new NullTest(0, true), [Tuples.Unchanged]));
    }

    [Theory]
    [InlineData("t", True)]
    [InlineData("f", False)]
    [InlineData(null, Unknown)]
    public void Boolean_columns_stand_for_themselves_and_tests_of_them_are_never_unknown(string? value, Truth truth)
    {
        var column = new BooleanColumn(0);
        Assert.Equal(truth, Tuples.Evaluate(column, [value]));
        foreach (var expected in new[] { True, False, Unknown })
        {
            Assert.Equal(truth == expected ? True : False, Tuples.Evaluate(new BooleanTest(column, expected, false), [value]));
            Assert.Equal(truth == expected ? False : True, Tuples.Evaluate(new BooleanTest(column, expected, true), [value]));
            Assert.Equal(Undecidable, Tuples.Evaluate(new BooleanTest(column, expected, true), [Tuples.Unchanged]));
        }
    }

    [Fact]
    public void Connectives_stop_for_nothing_but_the_term_that_decides()
    {
        Predicate missing = new BooleanColumn(0), no = new Constant(False), yes = new Constant(True);
        Assert.Equal(False, Tuples.Evaluate(new And([missing, no]), [Tuples.Unchanged]));
        Assert.Equal(Undecidable, Tuples.Evaluate(new And([missing, yes]), [Tuples.Unchanged]));
        Assert.Equal(Undecidable, Tuples.Evaluate(new And([new Constant(Unknown), missing]), [Tuples.Unchanged]));
        Assert.Equal(True, Tuples.Evaluate(new Or([missing, yes]), [Tuples.Unchanged]));
        Assert.Equal(Undecidable, Tuples.Evaluate(new Or([missing, no]), [Tuples.Unchanged]));
        Assert.Equal(Undecidable, Tuples.Evaluate(new Not(missing), [Tuples.Unchanged]));
        Assert.Equal(True, Tuples.Evaluate(new And([]), []));
        Assert.Equal(False, Tuples.Evaluate(new Or([]), []));
    }

    [Fact]
    public void Every_kind_names_the_columns_it_reads()
    {
        Predicate all = new And(
        [
            new Comparison(1, Equal, 0, integers), new ColumnComparison(2, Less, 3, integers), new InList(4, [0], false, integers),
            new Or([new Between(5, 0, 1, false, integers), new NullTest(6, true)]), new Not(new BooleanColumn(7)),
            new BooleanTest(new BooleanColumn(8), True, false), new Constant(True),
        ]);
        Assert.Equal(Enumerable.Range(1, 8), all.Columns);
    }

    [Fact]
    public void Evaluating_allocates_nothing()
    {
        Predicate predicate = new And(
        [
            new Comparison(0, GreaterOrEqual, 0, integers),
            new InList(1, [1, 2], false, ValueComparer.For(Types.Base(TypeOid.Numeric))!),
            new Between(2, 3, 4, false, ValueComparer.For(Types.Base(TypeOid.Timestamp))!),
        ]);
        var bytes = Tuples.Encode("5", "1.10", "2020-01-01 00:00:00");
        byte[]?[] operands = [.. new[] { "4", "2", "1.1", "2019-01-01 00:00:00", "infinity" }.Select(Encoding.UTF8.GetBytes)];
        Span<ColumnSlice> slices = stackalloc ColumnSlice[3];
        var tuple = new TupleData(bytes);
        tuple.Locate(slices);
        var row = new RowView(tuple, slices);

        Assert.Equal(True, predicate.Evaluate(row, operands));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            predicate.Evaluate(row, operands);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
