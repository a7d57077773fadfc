using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Tests.Values;
using SyncEngine.Tiers;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.Tests.Tiers;

public sealed class ResultStateTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_diff_of_two_results_turns_one_into_the_other(bool isOrdered) => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var state = new ResultState(isOrdered);
        var client = new ResultRowsModel();
        for (var step = 0; step < 6; step++)
        {
            var result = Draw(random);
            client.Apply(state.Replace(result));
            Assert.Equal(ResultRowsModel.Texts(result, isOrdered), ResultRowsModel.Texts(client.Rows, isOrdered));
        }
    }).Check(Properties.Quiet);

    [Fact]
    public void A_row_that_moves_is_the_only_one_told()
    {
        var state = new ResultState(isOrdered: true);
        state.Replace([.. Enumerable.Range(0, 6).Select(key => ResultRowsModel.Row(key, 0))]);
        var diff = state.Replace([.. ((int[])[1, 2, 3, 4, 0, 5]).Select(key => ResultRowsModel.Row(key, 0))]);
        Assert.Equal("[0]", Assert.Single(diff.Updated).Key.ToString());
        Assert.Equal([4], diff.UpdatedAt);
        Assert.Empty(diff.Added);
        Assert.Empty(diff.Removed);
    }

    [Fact]
    public void Applying_a_transactions_changes_equals_applying_them_to_a_table() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var state = new ResultState(isOrdered: false);
        var client = new ResultRowsModel();
        Dictionary<int, EncodedRow> table = [];
        for (var step = 0; step < 8; step++)
        {
            var changes = new NetChanges();
            for (var i = random.Next(25); i > 0; i--)
            {
                var key = random.Next(14);
                switch (random.Next(12))
                {
                    case 0:
                        changes.Truncate();
                        table.Clear();
                        break;
                    case < 5:
                        changes.Set(ResultRowsModel.Key(key), null);
                        table.Remove(key);
                        break;
                    default:
                        table[key] = ResultRowsModel.Row(key, random.Next(3));
                        changes.Set(ResultRowsModel.Key(key), table[key].Json);
                        break;
                }
            }

            client.Apply(state.Apply(changes));
            Assert.Equal(ResultRowsModel.Texts(table.Values, false), ResultRowsModel.Texts(client.Rows, false));
            Assert.Equal(table.Count, state.Count);
        }
    }).Check(Properties.Quiet);

    private static List<EncodedRow> Draw(Random random)
    {
        var keys = Enumerable.Range(0, 10).Where(_ => random.Next(3) > 0).ToArray();
        random.Shuffle(keys);
        return [.. keys.Select(key => ResultRowsModel.Row(key, random.Next(2)))];
    }
}
