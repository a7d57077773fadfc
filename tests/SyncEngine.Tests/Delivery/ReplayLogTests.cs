using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Tests.Tiers;
using SyncEngine.Tiers;
using Xunit;

namespace SyncEngine.Tests.Delivery;

public sealed class ReplayLogTests
{
    private static readonly DateTimeOffset start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void What_came_after_a_cut_is_held_until_it_is_too_old_or_too_much()
    {
        var log = new ReplayLog(1_000_000);
        log.Restart(new Lsn(10));
        for (ulong cut = 11; cut <= 14; cut++)
        {
            log.Add(start.AddSeconds(cut), new Lsn(cut), Diff(cut));
        }

        Assert.Equal([13UL, 14UL], log.After(new Lsn(12)).Select(frame => frame.Cut!.Value.Value));
        log.DropUpTo(start.AddSeconds(12));
        Assert.Equal(12UL, log.Start.Value);
        Assert.Equal([13UL, 14UL], log.After(log.Start).Select(frame => frame.Cut!.Value.Value));
    }

    [Fact]
    public void A_diff_larger_than_the_log_moves_its_start_past_it()
    {
        var log = new ReplayLog(1);
        log.Restart(new Lsn(10));
        log.Add(start, new Lsn(11), Diff(11));
        Assert.Equal(11UL, log.Start.Value);
        Assert.Empty(log.After(new Lsn(0)));
    }

    private static IReadOnlyList<FrameBody> Diff(ulong cut) => FrameBody.OfDiff(new RowDiff([ResultRowsModel.Row(1, 2)], [], []), new Lsn(cut), null, null, 100);
}
