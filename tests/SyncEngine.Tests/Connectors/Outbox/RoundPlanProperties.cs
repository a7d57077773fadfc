using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Tests.Values;
using Xunit;

namespace SyncEngine.Tests.Connectors.Outbox;

/// <summary>Rounds of several nodes over a table that random transactions write to, in any order of commits.</summary>
public sealed class RoundPlanProperties
{
    [Fact]
    public void Where_the_commit_order_is_known_rows_go_in_it_and_no_reader_of_the_maximum_misses_one() => Run(isOrderKnown: true);

    [Fact]
    public void Polls_that_are_cut_off_or_know_no_order_take_every_row_once_under_ids_that_rise_along_its_channel() =>
        Run(isOrderKnown: false);

    private static void Run(bool isOrderKnown) =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed => new ModelOutbox(seed, isOrderKnown).Run()).Check(Properties.Quiet);
}
