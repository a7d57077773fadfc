using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>The part of a plan that concerns one row.</summary>
/// <param name="NeedsNumber">
/// It came late, or its id would not rise along its channel: it gets a number from the sequence, in the order of the list.
/// </param>
readonly record struct PlannedRow(long Id, bool NeedsNumber, bool IsTaken);

/// <summary>The channels of a node, and the room on their lanes.</summary>
/// <param name="IsOwned">True for the node's own channels.</param>
/// <param name="Of">The number of rows that a channel's lane takes.</param>
readonly record struct ChannelRoom(Func<string, bool> IsOwned, Func<string, int> Of);

/// <summary>
/// The decisions of a round from the result of its poll. It is a pure function, so that every order of commits can be tried.
/// </summary>
/// <remarks>Decision: docs/decisions/outbox-rounds.md.</remarks>
/// <param name="Rows">Those that change, in the order in which they go to their channels.</param>
/// <param name="HasMore">A channel of this node has rows that the round could have taken with more room.</param>
/// <param name="IsBusyElsewhere">A channel of this node is still in work at another node.</param>
/// <param name="IsPartial">
/// There are late rows, and more new rows than one poll returns. Channels with late rows are numbered as a whole, and everything else is
/// left for the next poll.
/// </param>
sealed record RoundPlan(IReadOnlyList<PlannedRow> Rows, bool HasMore, bool IsBusyElsewhere, bool IsPartial)
{
    public int NumbersNeeded => Rows.Count(row => row.NeedsNumber);

    /// <param name="placeOf">The commit order; null where it is not known.</param>
    /// <param name="mayNumber">There is a sequence to number from.</param>
    /// <param name="maxBytes">Of all rows taken.</param>
    public static RoundPlan Make(OutboxPoll poll, ChannelRoom room, Func<long, long?>? placeOf, bool mayNumber, long maxBytes)
    {
        // What follows a late row on its channel comes after it, and may be missing in the poll.
        if (mayNumber && poll.IsNewCut && poll.New[0].Id <= poll.Progress.Highest)
        {
            return new RoundPlan([], HasMore: true, IsBusyElsewhere: false, IsPartial: true);
        }

        var channels = new Dictionary<string, ChannelState>(StringComparer.Ordinal);
        var rows = new List<PlannedRow>();
        var bytes = 0L;
        var isCut = poll.IsKnownCut || poll.IsNewCut;
        var hasMore = isCut;
        var isBusyElsewhere = false;
        foreach (var (row, isLate) in InOrderOfAppearance(poll, placeOf))
        {
            if (!channels.TryGetValue(row.Channel, out var channel))
            {
                channel = new ChannelState
                {
                    Room = room.IsOwned(row.Channel) ? room.Of(row.Channel) : 0,
                    IsBusy = poll.BusyChannels.Contains(row.Channel),
                };
                channels.Add(row.Channel, channel);
                isBusyElsewhere |= channel is { Room: > 0, IsBusy: true };
            }

            // After a fresh number no other id of the poll rises.
            var needsNumber = mayNumber && !row.IsFixed && (isLate || channel.HasFresh || row.Id <= channel.Highest);
            channel.HasFresh |= needsNumber;
            channel.Highest = Math.Max(channel.Highest, row.Id);

            // In a poll that was cut, rows after its last one in the order are unknown. They wait for the next poll.
            var mayTake = channel is { Room: > 0, IsBusy: false, IsClosed: false } && !(
                isCut && (isLate || needsNumber || !IsBeforeCut(poll, row)));
            var isTaken = row.IsOwn || (mayTake && (bytes == 0 || bytes + row.Bytes <= maxBytes));
            if (isTaken)
            {
                channel.Room--;
                bytes += row.Bytes;
            }
            else
            {
                hasMore |= channel is { Room: > 0, IsBusy: false };
                channel.IsClosed = true;
            }

            if (isTaken || needsNumber)
            {
                rows.Add(new PlannedRow(row.Id, needsNumber, isTaken));
            }
        }

        return new RoundPlan(rows, hasMore, isBusyElsewhere, IsPartial: false);
    }

    /// <summary>Below the last id of the poll, no row of the channel is missing.</summary>
    private static bool IsBeforeCut(OutboxPoll poll, WaitingRow row) =>
        (!poll.IsKnownCut || row.Id <= poll.Known[^1].Id) && (!poll.IsNewCut || row.Id <= poll.New[^1].Id);

    /// <summary>The rows in the order in which they became visible, as far as it is known, each with whether it came late.</summary>
    private static IEnumerable<(WaitingRow Row, bool IsLate)> InOrderOfAppearance(OutboxPoll poll, Func<long, long?>? placeOf)
    {
        var known = poll.Known.Select(row => (row, false));
        if (placeOf is not null && !poll.IsKnownCut && !poll.IsNewCut)
        {
            var placed = poll.New
                .Select(row => (Row: row, Place: placeOf(row.Id) ?? long.MaxValue))
                .OrderBy(row => row.Place)
                .ThenBy(row => row.Row.Id);
            return known.Concat(Judged(placed, poll.Progress.Highest));
        }

        // By id, so that rows of one transaction stay in their order: what follows a late row on its channel gets a fresh number, too.
        return known.Concat(poll.New.Select(row => (row, row.Id <= poll.Progress.Highest)));
    }

    /// <summary>
    /// A row is late when an id above its own was visible before it: to an earlier poll, or by an earlier commit of this one.
    /// </summary>
    private static IEnumerable<(WaitingRow Row, bool IsLate)> Judged(IEnumerable<(WaitingRow Row, long Place)> rows, long highest)
    {
        var visible = highest;
        var place = long.MinValue;
        var beforePlace = highest;
        foreach (var (row, rowPlace) in rows)
        {
            // Rows of one commit appear together. What the stream has not passed is later than what it has, in an unknown order.
            if (rowPlace != place)
            {
                place = rowPlace;
                beforePlace = visible;
            }

            yield return (row, row.Id <= beforePlace);
            visible = Math.Max(visible, row.Id);
        }
    }

    private sealed class ChannelState
    {
        public int Room { get; set; }

        public bool IsBusy { get; init; }

        public bool IsClosed { get; set; }

        public bool HasFresh { get; set; }

        public long Highest { get; set; }
    }
}
