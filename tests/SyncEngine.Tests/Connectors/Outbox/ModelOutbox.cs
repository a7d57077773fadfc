using SyncEngine.Connectors.Nodes;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Postgres.Outbox;
using Xunit;

namespace SyncEngine.Tests.Connectors.Outbox;

/// <summary>
/// The outbox in memory: transactions that take ids and commit in any order, nodes that poll, claim what <see cref="RoundPlan"/> decides,
/// publish, die and come back, and readers that read the maximum. The promises of the plan are checked at each step and in the end.
/// Everything is drawn from a seed.
/// </summary>
/// <remarks>Read the steps first, then their parts in the order of docs/decisions/outbox-rounds.md, then the checks.</remarks>
/// <param name="isOrderKnown">
/// Every poll knows the order of commits and sees the whole table. Otherwise some do not, and some are cut.
/// </param>
sealed class ModelOutbox(int seed, bool isOrderKnown)
{
    private const int Steps = 150;
    private const int PollsToDrain = 5_000;
    private static readonly string[] channels = ["a", "b", "c", "d"];

    private readonly Random random = new(seed);
    private readonly List<List<Row>> open = [];
    private readonly List<Row> committed = [];
    private readonly List<Row> table = [];
    private readonly List<Node> nodes = [];
    private readonly Dictionary<string, List<Row>> published = channels.ToDictionary(
        channel => channel, _ => new List<Row>(), StringComparer.Ordinal);
    private readonly List<(long Maximum, HashSet<Row> Seen)> readings = [];
    private OutboxProgress progress = new(0, Horizon: null);
    private long sequence;
    private int commits;
    private int born;

    private sealed class Row
    {
        public required string Channel { get; init; }

        public required long InsertedAs { get; init; }

        public required long Bytes { get; init; }

        public long Id { get; set; }

        public int Commit { get; set; }

        public bool IsSeen { get; set; }

        public bool IsFixed { get; set; }

        public bool IsProcessed { get; set; }

        public Node? LockedBy { get; set; }

        /// <summary>The highest id that was published before it was visible.</summary>
        public long PublishedBefore { get; set; }
    }

    private sealed record Node(string Id)
    {
        public Dictionary<string, Queue<Row>> Lanes { get; } = channels.ToDictionary(
            channel => channel, _ => new Queue<Row>(), StringComparer.Ordinal);

        /// <summary>The node does not know whether its last claim was committed.</summary>
        public bool IsClaimUncertain { get; set; }
    }

    private int Limit => isOrderKnown ? int.MaxValue : random.Next(1, 12);

    public void Run()
    {
        nodes.Add(NewNode());
        for (var step = 0; step < Steps; step++)
        {
            Step();
        }

        while (open.Count > 0)
        {
            Commit();
        }

        for (var polls = 0; table.Any(row => !row.IsProcessed); polls++)
        {
            Assert.True(polls < PollsToDrain, "rows are left that no node takes");
            Poll(nodes[polls % nodes.Count], isCalm: true);
            Publish(int.MaxValue);
        }

        CheckAll();
    }

    private void Step()
    {
        switch (random.Next(100))
        {
            case < 12:
                open.Add([]);
                Insert(open[^1]);
                break;
            case < 32 when open.Count > 0:
                Insert(Any(open));
                break;
            case < 50 when open.Count > 0:
                Commit();
                break;
            case < 52 when open.Count > 0:
                open.Remove(Any(open));
                break;
            case < 72:
                Poll(Any(nodes), isCalm: false);
                break;
            case < 88:
                Publish(random.Next(1, 6));
                break;
            case < 93:
                Read();
                break;
            case < 96 when nodes.Count < 3:
                nodes.Add(NewNode());
                break;
            case < 98 when nodes.Count > 1:
                nodes.Remove(Any(nodes)); // its rows are free now
                break;
            case < 99 when !isOrderKnown && open.Count == 0:
                sequence = 0; // the sequence was restarted
                break;
        }
    }

    private Node NewNode() => new($"node {++born}");

    private void Insert(List<Row> transaction)
    {
        for (var rows = random.Next(1, 4); rows > 0; rows--)
        {
            do
            {
                sequence++;
            }
            while (table.Concat(open.SelectMany(other => other)).Any(row => row.Id == sequence)); // the primary key: a writer tries again

            transaction.Add(new Row { Channel = Any(channels), InsertedAs = sequence, Id = sequence, Bytes = random.Next(1, 100) });
        }
    }

    private void Commit()
    {
        var transaction = Any(open);
        open.Remove(transaction);
        commits++;
        foreach (var row in transaction)
        {
            row.Commit = commits;
            row.PublishedBefore = published.Values.SelectMany(rows => rows).Select(other => other.Id).DefaultIfEmpty().Max();
            table.Add(row);
            committed.Add(row);
        }
    }

    private void Read() => readings.Add((Maximum(), [.. committed]));

    private long Maximum() => table.Select(row => row.Id).DefaultIfEmpty().Max();

    private void Poll(Node node, bool isCalm)
    {
        var leftOut = isCalm ? [] : channels.Where(_ => random.Next(6) == 0).ToHashSet(StringComparer.Ordinal);
        var poll = See(node, leftOut, isCalm ? int.MaxValue : Limit);
        poll = poll with { Known = [.. poll.Own.Concat(poll.Known).Where(row => !IsInLane(node, row.Id))] };
        var room = channels.ToDictionary(
            channel => channel, channel => leftOut.Contains(channel) || node.Lanes[channel].Count > 2 ? 0 : random.Next(1, 6),
            StringComparer.Ordinal);
        Func<long, long?>? placeOf = isOrderKnown || random.Next(2) == 0 ? id => PlaceOf(id) : null;
        string[] live = [.. nodes.Select(other => other.Id)];
        var owned = channels.Where(channel => Rendezvous.IsOwner(channel, node.Id, live)).ToHashSet(StringComparer.Ordinal);

        var plan = RoundPlan.Make(
            poll, new ChannelRoom(owned.Contains, channel => room[channel]), placeOf, mayNumber: true, maxBytes: random.Next(1, 500));
        CheckPlan(plan, poll, node, owned, room);
        Write(plan, poll, node);
    }

    private OutboxPoll See(Node node, HashSet<string> leftOut, int limit)
    {
        var waiting = table.Where(row => !row.IsProcessed).OrderBy(row => row.Id).ToList();
        var known = waiting.Where(row => !IsNew(row) && IsFree(row) && !leftOut.Contains(row.Channel)).ToList();
        var appeared = waiting.Where(IsNew).ToList();
        var own = waiting.Where(row => node.IsClaimUncertain && row.LockedBy == node);
        var busy = waiting.Where(row => !IsFree(row) && row.LockedBy != node).Select(row => row.Channel).ToHashSet(StringComparer.Ordinal);
        return new OutboxPoll
        {
            Progress = progress,
            Highest = Maximum(),
            Horizon = 1,
            LiveNodes = [.. nodes.Select(other => other.Id)],
            Own = [.. own.Select(row => new WaitingRow(row.Id, row.Channel, row.Bytes, IsFixed: true, IsOwn: true))],
            Known = [.. known.Take(limit).Select(row => new WaitingRow(row.Id, row.Channel, row.Bytes, row.IsFixed))],
            IsKnownCut = known.Count > limit,
            New = [.. appeared.Take(limit).Select(row => new WaitingRow(row.Id, row.Channel, row.Bytes, IsFixed: false))],
            IsNewCut = appeared.Count > limit,
            BusyChannels = busy,
        };
    }

    /// <summary>As the node does: numbers, decisions, progress.</summary>
    private void Write(RoundPlan plan, OutboxPoll poll, Node node)
    {
        var highest = Math.Max(poll.Progress.Highest, poll.Highest);
        var rows = table.ToDictionary(row => row.Id);
        var seen = table.ToList();
        var hasNewRows = poll.New.Count > 0 || progress.Horizon is null;
        var isHeard = random.Next(10) > 0;
        var last = highest;
        foreach (var planned in plan.Rows)
        {
            var row = rows[planned.Id];
            row.IsFixed = true;
            row.LockedBy = planned.IsTaken ? node : null;
            if (planned.NeedsNumber)
            {
                Number(row);
            }
        }

        if (plan.IsPartial)
        {
            var late = seen.Where(row => !row.IsProcessed && IsNew(row))
                .GroupBy(row => row.Channel)
                .Where(channel => channel.Min(row => row.Id) <= progress.Highest)
                .SelectMany(channel => channel);
            foreach (var row in late.OrderBy(row => row.Id).ToList())
            {
                row.IsFixed = true;
                Number(row);
            }
        }

        foreach (var row in plan.Rows.Where(row => row.IsTaken && isHeard).Select(row => rows[row.Id]).OrderBy(row => row.Id))
        {
            node.Lanes[row.Channel].Enqueue(row);
        }

        node.IsClaimUncertain = !isHeard || (node.IsClaimUncertain && plan.IsPartial);
        if (hasNewRows)
        {
            progress = new OutboxProgress(last, Horizon: 1);
            seen.ForEach(row => row.IsSeen = true);
        }

        void Number(Row row) => row.Id = sequence = last = Math.Max(sequence, last) + 1;
    }

    private void Publish(int howMany)
    {
        for (; howMany > 0; howMany--)
        {
            var lanes = nodes.SelectMany(node => node.Lanes.Values).Where(lane => lane.Count > 0).ToList();
            if (lanes.Count == 0)
            {
                return;
            }

            var row = Any(lanes).Dequeue();
            published[row.Channel].Add(row);
            row.IsProcessed = true;
            row.LockedBy = null;
            var top = Maximum();
            table.RemoveAll(other => other.IsProcessed && other.Id < top);
        }
    }

    private void CheckPlan(RoundPlan plan, OutboxPoll poll, Node node, HashSet<string> owned, Dictionary<string, int> room)
    {
        var polled = poll.Known.Concat(poll.New).ToDictionary(row => row.Id);
        Assert.True(!plan.IsPartial || plan.Rows.Count == 0);
        Assert.Equal(plan.Rows.Count, plan.Rows.Select(row => row.Id).Distinct().Count());
        foreach (var planned in plan.Rows)
        {
            var row = polled[planned.Id];
            Assert.True(!planned.NeedsNumber || !row.IsFixed, "a fixed id was changed");
            var isFree = owned.Contains(row.Channel) && room[row.Channel] > 0 && !poll.BusyChannels.Contains(row.Channel);
            Assert.True(!planned.IsTaken || row.IsOwn || isFree, "a row was taken that is not for this node now");
            Assert.False(planned.IsTaken && IsInLane(node, row.Id));
        }

        foreach (var taken in plan.Rows.Where(row => row.IsTaken && !polled[row.Id].IsOwn).GroupBy(row => polled[row.Id].Channel))
        {
            Assert.InRange(taken.Count(), 1, room[taken.Key]);
        }
    }

    private void CheckAll()
    {
        Assert.Equal(committed.Count, published.Values.Sum(rows => rows.Count));
        Assert.Equal(committed.Count, published.Values.SelectMany(rows => rows).Distinct().Count());
        foreach (var (channel, rows) in published)
        {
            var ids = rows.Select(row => row.Id).ToList();
            Assert.Equal(ids.Order().Distinct(), ids);
            Assert.All(rows, row => Assert.True(
                row.Id > row.PublishedBefore, $"{row.Id} on {channel} was visible after {row.PublishedBefore} had been published"));
            Assert.All(
                rows.GroupBy(row => row.Commit),
                together => Assert.Equal(together.Select(row => row.InsertedAs).Order(), together.Select(row => row.InsertedAs)));
            if (isOrderKnown)
            {
                Assert.Equal(rows.OrderBy(row => row.Commit).ThenBy(row => row.InsertedAs), rows);
            }
        }

        if (isOrderKnown)
        {
            Assert.All(readings, reading => Assert.All(
                committed.Where(row => !reading.Seen.Contains(row)),
                row => Assert.True(row.Id > reading.Maximum, $"{row.Id} was missed by a reader of {reading.Maximum}")));
        }
    }

    private static bool IsNew(Row row) => row is { IsFixed: false, IsSeen: false };

    private bool IsFree(Row row) => row.LockedBy is null || !nodes.Contains(row.LockedBy);

    private static bool IsInLane(Node node, long id) => node.Lanes.Values.Any(lane => lane.Any(row => row.Id == id));

    private long? PlaceOf(long id) => committed.Find(row => row.InsertedAs == id && !row.IsFixed) is { } row ? row.Commit : null;

    private T Any<T>(IReadOnlyList<T> among) => among[random.Next(among.Count)];
}
