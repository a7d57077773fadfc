using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Tests.Values;
using SyncEngine.Tiers;
using Xunit;

namespace SyncEngine.Tests.Tiers;

public sealed class RowDiffTests
{
    [Fact]
    public void The_net_effect_equals_one_diff_after_the_other_however_they_are_grouped() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var state = new ResultState(isOrdered: false);
        state.Replace(Rows(random));
        var start = new ResultRowsModel();
        start.Set(RowsOf(state, random));
        var (first, second, third) = (state.Replace(Rows(random)), state.Replace(Rows(random)), state.Replace(Rows(random)));
        RowDiff[] nets = [first.Then(second).Then(third), first.Then(second.Then(third))];
        var oneByOne = new ResultRowsModel();
        oneByOne.Set(start.Rows);
        foreach (var diff in (RowDiff[])[first, second, third])
        {
            oneByOne.Apply(diff, isNet: true);
        }

        foreach (var net in nets)
        {
            var atOnce = new ResultRowsModel();
            atOnce.Set(start.Rows);
            atOnce.Apply(net, isNet: true);
            Assert.Equal(ResultRowsModel.Texts(oneByOne.Rows, false), ResultRowsModel.Texts(atOnce.Rows, false));
        }
    }).Check(Properties.Quiet);

    private static List<SyncEngine.Values.EncodedRow> Rows(Random random) =>
        [.. Enumerable.Range(0, 6).Where(_ => random.Next(2) == 0).Select(key => ResultRowsModel.Row(key, random.Next(3)))];

    // What the rows were does not matter to a diff of keys: any content will do.
    private static IEnumerable<SyncEngine.Values.EncodedRow> RowsOf(ResultState state, Random random) =>
        Enumerable.Range(0, 6).Where(key => state.Contains(ResultRowsModel.Key(key))).Select(key => ResultRowsModel.Row(key, random.Next(3)));
}
