using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using SyncEngine.Benchmarks.Engine;
using SyncEngine.Benchmarks.Running;
using SyncEngine.Changes;
using SyncEngine.Changes.PgOutput;
using SyncEngine.Delivery;
using SyncEngine.LiveQueries;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;
using SyncEngine.Values;

namespace SyncEngine.Benchmarks.Matching;

/// <summary>The cost of matching one row change, decoding included, and the size of the index per query.</summary>
internal sealed class MatchBenchmark : IBenchmark
{
    private const uint Table = 20_000;
    private const int Changes = 200_000;

    public string Name => "match";

    public string Summary => "one inserted row against many `room = $1` queries of distinct values, ns per change";

    public Task RunAsync(BenchmarkContext context, CancellationToken cancellationToken)
    {
        var plan = RoomQuery.PlanFor(Table);
        foreach (var count in new[] { 100_000, 1_000_000 })
        {
            var relations = new RelationMap();
            var reading = new ChangeReader(Chunk([Relation()]), relations);
            reading.Read();
            var tier = new SingleTableTier(relations, scannedPerTable: 0);
            var empty = GC.GetTotalMemory(forceFullCollection: true);
            var queries = new LiveQuery[count];
            for (var i = 0; i < count; i++)
            {
                queries[i] = new LiveQuery(plan, [i.ToString(CultureInfo.InvariantCulture)], 1024 * 1024);
            }

            var built = GC.GetTotalMemory(forceFullCollection: true);
            foreach (var query in queries)
            {
                tier.Add(plan.Tier, query, known: null);
            }

            var indexed = GC.GetTotalMemory(forceFullCollection: true);
            context.Report.Add(new Figure($"{count:N0} queries: bytes of the index per query", "50", "", $"{(indexed - built) / (double)count:N0}"));
            context.Report.Add(new Figure($"{count:N0} queries: bytes of the query itself, parameters included", "", "", $"{(built - empty - (count * 8)) / (double)count:N0}"));
            var decode = Best(context, count, random => random.Next(), decodeOnly: true);
            var miss = Best(context, count, random => count + random.Next(count), decodeOnly: false);
            var hit = Best(context, count, random => random.Next(count), decodeOnly: false);
            context.Report.Add(new Figure($"{count:N0} queries: decoding alone", "", "", $"{decode:N0} ns"));
            context.Report.Add(new Figure($"{count:N0} queries: a change that no query sees, decoding left out", "10 to 90 ns for a look-up", "", $"{miss - decode:N0} ns"));
            context.Report.Add(new Figure($"{count:N0} queries: a change that one query sees, its row encoded", "", "", $"{hit - decode:N0} ns"));
            GC.KeepAlive(queries);

            // What disturbs so short a thing only adds to it.
            double Best(BenchmarkContext of, int queriesCount, Func<Random, int> room, bool decodeOnly)
            {
                var random = new Random(queriesCount);
                var chunks = Enumerable.Range(0, 100).Select(chunk => Chunk(Enumerable.Range(0, Changes / 100).Select(i => Insert((chunk * Changes) + i, room(random))))).ToList();
                var transaction = new CommittedTransaction(1, new CommitMessage(Lsn.Zero, new Lsn(1), 0), [Table], 0, NoMessages.Instance);
                List<ResultChange> answers = [];
                List<double> rounds = [];
                for (var round = 0; round < of.Options.Rounds + 9; round++)
                {
                    var began = Stopwatch.GetTimestamp();
                    foreach (var chunk in chunks)
                    {
                        var change = new ChangeReader(chunk, relations);
                        while (change.Read())
                        {
                            if (!decodeOnly)
                            {
                                tier.OnRow(change);
                                tier.Complete(transaction, answers);
                                answers.Clear();
                            }
                        }
                    }

                    rounds.Add(Stopwatch.GetElapsedTime(began).TotalNanoseconds / Changes);
                }

                return rounds.Min();
            }
        }

        return Task.CompletedTask;
    }

    private sealed class NoMessages : IMessageSpool
    {
        public static readonly NoMessages Instance = new();

        public IEnumerable<ReadOnlyMemory<byte>> Read() => [];

        public void Dispose()
        {
        }
    }

    private static byte[] Relation() =>
    [
        (byte)'R', .. Int32((int)Table), .. "public\0messages\0d"u8, 0, 3,
        1, .. "id\0"u8, .. Int32((int)TypeOid.Int8), .. Int32(-1),
        0, .. "room\0"u8, .. Int32((int)TypeOid.Int4), .. Int32(-1),
        0, .. "body\0"u8, .. Int32((int)TypeOid.Text), .. Int32(-1),
    ];

    private static byte[] Insert(int id, int room) =>
    [
        (byte)'I', .. Int32((int)Table), (byte)'N', 0, 3,
        .. Value(id.ToString(CultureInfo.InvariantCulture)), .. Value(room.ToString(CultureInfo.InvariantCulture)), .. Value(new string('x', 100)),
    ];

    private static byte[] Value(string text) => [(byte)'t', .. Int32(text.Length), .. Encoding.ASCII.GetBytes(text)];

    private static byte[] Chunk(IEnumerable<byte[]> messages) => [.. messages.SelectMany(message =>
    {
        var length = new byte[ChangeReader.LengthPrefix];
        BinaryPrimitives.WriteInt32LittleEndian(length, message.Length);
        return (byte[])[.. length, .. message];
    })];

    private static byte[] Int32(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
