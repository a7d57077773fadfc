using SyncEngine.Tiers.SingleTable.Predicates;
using Xunit;
using static SyncEngine.Tiers.SingleTable.Predicates.Truth;

namespace SyncEngine.Tests.Tiers.SingleTable.Predicates;

public sealed class TruthLogicTests
{
    /// <summary>https://www.postgresql.org/docs/current/functions-logical.html, the table as printed there.</summary>
    private static readonly (Truth A, Truth B, Truth And, Truth Or)[] manual =
    [
        (True, True, True, True),
        (True, False, False, True),
        (True, Unknown, Unknown, True),
        (False, False, False, False),
        (False, Unknown, False, Unknown),
        (Unknown, Unknown, Unknown, Unknown),
    ];

    [Fact]
    public void And_and_or_follow_the_manual_in_either_order()
    {
        foreach (var (a, b, and, or) in manual)
        {
            Assert.Equal((and, and), (TruthLogic.And(a, b), TruthLogic.And(b, a)));
            Assert.Equal((or, or), (TruthLogic.Or(a, b), TruthLogic.Or(b, a)));
        }
    }

    [Fact]
    public void Not_swaps_true_and_false_only() =>
        Assert.Equal([True, Unknown, False, Undecidable], new[] { False, Unknown, True, Undecidable }.Select(TruthLogic.Not));

    [Fact]
    public void A_result_is_undecidable_exactly_when_the_possible_values_disagree()
    {
        foreach (var left in Enum.GetValues<Truth>())
        {
            foreach (var right in Enum.GetValues<Truth>())
            {
                Assert.Equal(Outcome(left, right, isAnd: true), TruthLogic.And(left, right));
                Assert.Equal(Outcome(left, right, isAnd: false), TruthLogic.Or(left, right));
            }
        }
    }

    private static Truth Outcome(Truth left, Truth right, bool isAnd)
    {
        var outcomes = Possible(left).SelectMany(a => Possible(right).Select(b => Manual(a, b, isAnd))).Distinct().ToArray();
        return outcomes is [var only] ? only : Undecidable;
    }

    private static Truth[] Possible(Truth value) => value == Undecidable ? [False, Unknown, True] : [value];

    private static Truth Manual(Truth a, Truth b, bool isAnd)
    {
        var line = manual.Single(line => (line.A, line.B) == (a, b) || (line.A, line.B) == (b, a));
        return isAnd ? line.And : line.Or;
    }
}
