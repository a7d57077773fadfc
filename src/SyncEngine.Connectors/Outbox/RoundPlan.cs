using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>What a round does with a row.</summary>
/// <param name="NeedsNumber">It came late, or its id would not rise along its channel: it gets a number from the sequence, in the order of the list.</param>
readonly record struct PlannedRow(long Id, bool NeedsNumber, bool IsTaken);

/// <summary>
/// What a round decides, from what it saw: pure, so that every order of commits can be tried. docs/decisions/outbox-rounds.md has the reasons.
/// </summary>
/// <param name="Rows">Those that change, in the order in which they go to their channels.</param>
/// <param name="HasMore">A channel of ours has rows that the round could have taken with more room.</param>
/// <param name="IsBlocked">A channel of ours is still in work at another node.</param>
/// <param name="IsPartial">There are late rows, and more new rows than one look tells: channels with late rows are numbered as a whole, and everything else is left for the next look.</param>
sealed record RoundPlan(IReadOnlyList<PlannedRow> Rows, bool HasMore, bool IsBlocked, bool IsPartial)
{
    public int NumbersNeeded => Rows.Count(row => row.NeedsNumber);

    /// <param name="isOwned">The channel is this node's.</param>
    /// <param name="room">How many more rows a channel's lane takes.</param>
    /// <param name="placeOf">The commit order; null where it is not known.</param>
    /// <param name="mayNumber">There is a sequence to number from.</param>
    /// <param name="maxBytes">Of all rows taken.</param>
    public static RoundPlan Make(OutboxLook look, Func<string, bool> isOwned, Func<string, int> room, Func<long, long?>? placeOf, bool mayNumber, long maxBytes)
    {
        // What follows a late row on its channel comes after it, and may not have been told.
        if (mayNumber && look.IsNewCut && look.New[0].Id <= look.Progress.Highest)
        {
            return new RoundPlan([], HasMore: true, IsBlocked: false, IsPartial: true);
        }

        var channels = new Dictionary<string, ChannelState>(StringComparer.Ordinal);
        var rows = new List<PlannedRow>();
        var bytes = 0L;
        var isCut = look.IsKnownCut || look.IsNewCut;
        var hasMore = isCut;
        var isBlocked = false;
        foreach (var (row, isLate) in InOrderOfAppearance(look, placeOf))
        {
            if (!channels.TryGetValue(row.Channel, out var channel))
            {
                channel = new ChannelState { Room = isOwned(row.Channel) ? room(row.Channel) : 0, IsBusy = look.BusyChannels.Contains(row.Channel) };
                channels.Add(row.Channel, channel);
                isBlocked |= channel is { Room: > 0, IsBusy: true };
            }

            // After a fresh number no other id of the look rises.
            var needsNumber = mayNumber && !row.IsFixed && (isLate || channel.HasFresh || row.Id <= channel.Highest);
            channel.HasFresh |= needsNumber;
            channel.Highest = Math.Max(channel.Highest, row.Id);

            // Of a look that was cut, rows between the last one and those after it in the order are not known: they wait for the next look.
            var mayTake = channel is { Room: > 0, IsBusy: false, IsClosed: false } && !(isCut && (isLate || needsNumber || !IsBeforeCut(look, row)));
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

        return new RoundPlan(rows, hasMore, isBlocked, IsPartial: false);
    }

    /// <summary>Below the last id that was told, nothing of the channel is missing.</summary>
    private static bool IsBeforeCut(OutboxLook look, WaitingRow row) =>
        (!look.IsKnownCut || row.Id <= look.Known[^1].Id) && (!look.IsNewCut || row.Id <= look.New[^1].Id);

    /// <summary>The order in which the rows became visible, as far as it is known, and which of them came late.</summary>
    private static IEnumerable<(WaitingRow Row, bool IsLate)> InOrderOfAppearance(OutboxLook look, Func<long, long?>? placeOf)
    {
        var known = look.Known.Select(row => (row, false));
        if (placeOf is not null && !look.IsKnownCut && !look.IsNewCut)
        {
            var placed = look.New.Select(row => (Row: row, Place: placeOf(row.Id) ?? long.MaxValue)).OrderBy(row => row.Place).ThenBy(row => row.Row.Id);
            return known.Concat(Judged(placed, look.Progress.Highest));
        }

        // By id, so that rows of one transaction stay in their order: what follows a late row on its channel gets a fresh number, too.
        return known.Concat(look.New.Select(row => (row, row.Id <= look.Progress.Highest)));
    }

    /// <summary>A row is late when an id above its own was visible before it: to an earlier look, or by an earlier commit of this one.</summary>
    private static IEnumerable<(WaitingRow Row, bool IsLate)> Judged(IEnumerable<(WaitingRow Row, long Place)> rows, long highest)
    {
        var visible = highest;
        var place = long.MinValue;
        var beforePlace = highest;
        foreach (var (row, rowPlace) in rows)
        {
            // Rows of one commit appear together; what the stream has not passed is later than what it has, in an order that nobody knows.
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
