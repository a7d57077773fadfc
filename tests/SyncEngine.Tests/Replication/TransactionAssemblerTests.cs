using System.Text;
using SyncEngine.Changes;
using SyncEngine.Changes.PgOutput;
using SyncEngine.Ports;
using SyncEngine.Postgres.Replication;
using SyncEngine.Postgres.Sessions;
using SyncEngine.Tests.Changes;
using Xunit;
using static SyncEngine.Tests.Changes.PgOutputBytes;

namespace SyncEngine.Tests.Replication;

public sealed class TransactionAssemblerTests : IDisposable
{
    private const uint Watched = 7;
    private const uint Unwatched = 8;
    private readonly string directory = Directory.CreateTempSubdirectory("syncengine-assembler-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public void Rows_of_watched_relations_are_kept_and_every_relation_is_named_once()
    {
        using var assembly = new Assembly(directory, long.MaxValue);
        using var transaction = assembly.Transaction(
            100,
            742,
            Relation(Watched, "public", "a", 'd'),
            Insert(Watched, "1"),
            Relation(Unwatched, "public", "b", 'd'),
            Insert(Unwatched, "2"),
            Insert(Watched, "3"),
            Type(1, "a", "b"),
            Truncate(0, Watched, 9), Message(true, 1, "p", []));
        Assert.Equal([Watched, Unwatched, 9], transaction.Touched);
        Assert.Equal(
            [ChangeKind.Relation, ChangeKind.Insert, ChangeKind.Relation, ChangeKind.Insert, ChangeKind.Truncate, ChangeKind.Message],
            Kinds(transaction));
        Assert.Equal(
            (742UL, new Lsn(100), new Lsn(110), 1L),
            (transaction.Xid, transaction.CommitLsn, transaction.EndLsn, transaction.WatchVersion));
    }

    [Fact]
    public void The_watched_set_is_that_of_Begin()
    {
        using var assembly = new Assembly(directory, long.MaxValue);
        assembly.Feed(Begin(100, 1));
        assembly.Watch = new WatchedRelations(2, []);
        assembly.Feed(Insert(Watched, "1"));
        using var first = assembly.Commit(100);
        using var second = assembly.Transaction(200, 2, Insert(Watched, "1"));
        Assert.Equal((1L, 1), (first.WatchVersion, Kinds(first).Count));
        Assert.Equal((2L, 0), (second.WatchVersion, Kinds(second).Count));
        Assert.Equal([Watched], second.Touched);
    }

    [Fact]
    public void Many_relations_are_each_named_once()
    {
        using var assembly = new Assembly(directory, long.MaxValue);
        using var transaction = assembly.Transaction(
            100, 1, [.. Enumerable.Range(0, 300).Select(i => Insert((uint)(100 + (i % 100)), "x"))]);
        Assert.Equal(Enumerable.Range(100, 100).Select(i => (uint)i), transaction.Touched);
    }

    [Fact]
    public void A_repeated_transaction_is_dropped_and_the_relations_it_described_come_with_the_next()
    {
        using var assembly = new Assembly(directory, long.MaxValue);
        assembly.Assembler.Reset(new Lsn(110), Lsn.Zero);
        Assert.Null(assembly.FeedAll(
            Begin(100, 1),
            Relation(Watched, "public", "a", 'd'),
            Insert(Watched, "1"),
            Truncate(0, Watched),
            Message(true, 1, "p", []),
            Commit(100, 110)));
        using var next = assembly.Transaction(110, 2, Insert(Watched, "2"));
        Assert.Equal([ChangeKind.Relation, ChangeKind.Insert], Kinds(next));
        Assert.Equal([Watched], next.Touched);
    }

    [Fact]
    public void A_message_outside_a_transaction_is_delivered_at_once_and_once()
    {
        using var assembly = new Assembly(directory, long.MaxValue);
        var message = Assert.IsType<SourceEvent.Message>(assembly.Feed(Message(false, 50, "p", "c"u8.ToArray())));
        Assert.Equal((new Lsn(50), "p", "c"), (message.Lsn, message.Prefix, Encoding.UTF8.GetString(message.Content)));
        assembly.Assembler.Reset(new Lsn(50), new Lsn(50));
        Assert.Null(assembly.Feed(Message(false, 49, "p", [])));
        Assert.Null(assembly.Feed(Message(false, 50, "p", [])));
        Assert.NotNull(assembly.Feed(Message(false, 51, "p", [])));

        // The position was delivered, the message was not.
        assembly.Assembler.Reset(new Lsn(60), new Lsn(51));
        Assert.NotNull(assembly.Feed(Message(false, 60, "p", [])));
    }

    [Fact]
    public void A_transaction_that_was_cut_off_leaves_nothing_behind()
    {
        using var assembly = new Assembly(directory, 128 * 1024);
        assembly.Feed(Begin(100, 1));
        assembly.FeedAll([.. Enumerable.Range(0, 300).Select(_ => Insert(Watched, new string('x', 1000)))]);
        Assert.Single(Directory.EnumerateFiles(directory));
        assembly.Assembler.Reset(Lsn.Zero, Lsn.Zero);
        Assert.Empty(Directory.EnumerateFiles(directory));
        using var next = assembly.Transaction(200, 2, Insert(Watched, "1"));
        Assert.Equal([ChangeKind.Insert], Kinds(next));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(200 * 1024)]
    [InlineData(long.MaxValue)]
    public void Whatever_the_budget_the_messages_come_back_as_they_came_and_all_memory_is_returned(long budget)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var held = new Queue<(CommittedTransaction Transaction, byte[] Expected)>();
            using (var assembly = new Assembly(directory, budget))
            {
                for (var i = 1; i <= 40; i++)
                {
                    var messages = Enumerable.Range(0, random.Next(8) == 0 ? random.Next(200) : random.Next(4))
                        .Select(_ => Insert(Watched, new string('x', random.Next(30) == 0 ? random.Next(200_000) : random.Next(2000))))
                        .ToArray();
                    held.Enqueue((assembly.Transaction((ulong)i * 100, (uint)i, messages), Chunk(messages)));
                    while (held.Count > random.Next(30))
                    {
                        Check(held.Dequeue());
                    }

                    // One buffer over, which holds one message at least.
                    Assert.True(
                        assembly.Memory.HeldBytes <= Math.Max(budget, 64 * 1024) + 512 * 1024L || budget == long.MaxValue,
                        $"seed {seed}: {assembly.Memory.HeldBytes} held");
                }

                while (held.Count > 0)
                {
                    Check(held.Dequeue());
                }

                assembly.Assembler.Dispose();
                Assert.Equal(0, assembly.Memory.HeldBytes);
            }

            Assert.Empty(Directory.EnumerateFiles(directory));
        }
    }

    [Fact]
    public void Chunks_can_be_read_twice_from_memory_and_from_a_file()
    {
        foreach (var budget in new[] { 1, long.MaxValue })
        {
            using var assembly = new Assembly(directory, budget);
            var messages = Enumerable.Range(0, 100).Select(i => Insert(Watched, new string('x', 3000))).ToArray();
            using var transaction = assembly.Transaction(100, 1, messages);
            Assert.Equal(Chunk(messages), Bytes(transaction));
            Assert.Equal(Chunk(messages), Bytes(transaction));
            transaction.Dispose();
            transaction.Dispose();
            Assert.Empty(Directory.EnumerateFiles(directory));
        }
    }

    [Fact]
    public void Messages_out_of_place_are_refused()
    {
        byte[][] homeless =
            [Insert(Watched, "1"), Commit(1, 2), Relation(Watched, "a", "b", 'd'), Truncate(0), Message(true, 1, "p", []), Type(1, "a", "b"), Origin(1, "o"), [(byte)'S', 0], []];
        foreach (var message in homeless)
        {
            using var assembly = new Assembly(directory, long.MaxValue);
            Assert.Throws<MalformedMessageException>(() => assembly.Feed(message));
        }

        using var twice = new Assembly(directory, long.MaxValue);
        twice.Feed(Begin(1, 1));
        Assert.Throws<MalformedMessageException>(() => twice.Feed(Begin(2, 2)));
        Assert.Throws<MalformedMessageException>(() => twice.Feed([(byte)'I', 0]));
    }

    [Fact]
    public void Only_spill_files_that_no_process_has_open_are_removed()
    {
        File.WriteAllText(Path.Combine(directory, "left.spill"), "x");
        File.WriteAllText(Path.Combine(directory, "other.txt"), "x");
        var spills = new SpillDirectory(directory);
        using (spills.Create())
        {
            Assert.Equal(1, spills.RemoveAbandoned());
            Assert.Equal(2, Directory.EnumerateFiles(directory).Count());
        }

        Assert.Equal("other.txt", Path.GetFileName(Assert.Single(Directory.EnumerateFiles(directory))));
    }

    [Fact]
    public void Pauses_double_up_to_the_maximum_and_begin_anew()
    {
        var backoff = new Backoff(TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(10), new Random(3));
        double[] upper = [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000];
        foreach (var milliseconds in upper)
        {
            Assert.InRange(backoff.Next().TotalMilliseconds, milliseconds / 2, milliseconds);
        }

        backoff.Reset();
        Assert.InRange(backoff.Next().TotalMilliseconds, 125, 250);
    }

    private static void Check((CommittedTransaction Transaction, byte[] Expected) pair)
    {
        using var transaction = pair.Transaction;
        Assert.Equal(pair.Expected, Bytes(transaction));
    }

    private static byte[] Bytes(CommittedTransaction transaction)
    {
        using var all = new MemoryStream();
        foreach (var chunk in transaction.Chunks)
        {
            all.Write(chunk.Span);
        }

        return all.ToArray();
    }

    private static List<ChangeKind> Kinds(CommittedTransaction transaction)
    {
        var kinds = new List<ChangeKind>();
        foreach (var chunk in transaction.Chunks)
        {
            var reader = new ChangeReader(chunk.Span, new RelationMap());
            while (reader.Read())
            {
                kinds.Add(reader.Kind);
            }
        }

        return kinds;
    }

    private sealed class Assembly : IDisposable
    {
        public Assembly(string directory, long budget)
        {
            Memory = new MessageMemory(budget);
            Assembler = new TransactionAssembler(Memory, new SpillDirectory(directory), new TransactionIds(), () => Watch);
        }

        public MessageMemory Memory { get; }

        public TransactionAssembler Assembler { get; }

        public WatchedRelations Watch { get; set; } = new(1, [Watched]);

        public SourceEvent? Feed(byte[] message)
        {
            message.CopyTo(Assembler.Reserve(message.Length));
            return Assembler.Accept(message.Length);
        }

        public SourceEvent? FeedAll(params byte[][] messages) => messages.Select(Feed).ToList()[^1];

        public CommittedTransaction Commit(ulong lsn) =>
            Assert.IsType<SourceEvent.Transaction>(Feed(PgOutputBytes.Commit(lsn, lsn + 10))).Committed;

        public CommittedTransaction Transaction(ulong lsn, uint xid, params byte[][] messages)
        {
            Feed(Begin(lsn, xid));
            foreach (var message in messages)
            {
                Assert.Null(Feed(message));
            }

            return Commit(lsn);
        }

        public void Dispose() => Assembler.Dispose();
    }
}
