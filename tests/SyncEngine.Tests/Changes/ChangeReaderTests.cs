using System.Text;
using SyncEngine.Changes;
using SyncEngine.Changes.PgOutput;
using Xunit;
using static SyncEngine.Tests.Changes.PgOutputBytes;

namespace SyncEngine.Tests.Changes;

public sealed class ChangeReaderTests
{
    private static readonly byte[] Users = Relation(7, "public", "users", 'd', ("id", true, 23, -1), ("name", false, 25, -1));

    /// <summary>One of every message that may stand in a chunk, in many shapes.</summary>
    public static TheoryData<byte[]> Messages => new(
        Users,
        Relation(8, "", "größe", 'f'),
        Type(9, "public", "mood"),
        Origin(77, "elsewhere"),
        Insert(7, "1", "ü", null, "", Unchanged),
        Insert(7),
        Update(7, null, null, ["1", "x"]),
        Update(7, 'K', ["0", null], ["1", Unchanged]),
        Update(7, 'O', ["0", "y"], ["1", "x"]),
        Delete(7, 'K', "1", null),
        Delete(7, 'O', "1", "x"),
        Truncate(3, 7, 8),
        Truncate(0),
        Message(true, 99, "prefix", [0, 1, 255]),
        Message(true, 99, "", []));

    [Fact]
    public void Rows_show_their_images()
    {
        var relations = new RelationMap();
        var reader = new ChangeReader(
            Chunk(Users, Insert(7, "1", null), Update(7, null, null, ["1", "x"]), Update(7, 'K', ["1", null], ["2", Unchanged]), Update(7, 'O', ["2", "x"], ["2", "y"]), Delete(7, 'O', "2", "y")),
            relations);

        Assert.True(reader.Read());
        Assert.Equal((ChangeKind.Relation, 7u), (reader.Kind, reader.RelationOid));
        Assert.Same(relations[7], reader.Relation);

        Assert.True(reader.Read());
        Assert.Equal((ChangeKind.Insert, 7u, OldTupleKind.None), (reader.Kind, reader.RelationOid, reader.OldKind));
        Assert.Null(Columns(reader.Old));
        Assert.Equal(["1", null], Columns(reader.New));

        Assert.True(reader.Read());
        Assert.Equal((ChangeKind.Update, OldTupleKind.None), (reader.Kind, reader.OldKind));
        Assert.Null(Columns(reader.Old));
        Assert.Equal(["1", "x"], Columns(reader.New));

        Assert.True(reader.Read());
        Assert.Equal((ChangeKind.Update, OldTupleKind.Key), (reader.Kind, reader.OldKind));
        Assert.Equal(["1", null], Columns(reader.Old));
        Assert.Equal(["2", Unchanged], Columns(reader.New));

        Assert.True(reader.Read());
        Assert.Equal((ChangeKind.Update, OldTupleKind.Full), (reader.Kind, reader.OldKind));
        Assert.Equal(["2", "x"], Columns(reader.Old));
        Assert.Equal(["2", "y"], Columns(reader.New));

        Assert.True(reader.Read());
        Assert.Equal((ChangeKind.Delete, OldTupleKind.Full), (reader.Kind, reader.OldKind));
        Assert.Equal(["2", "y"], Columns(reader.Old));
        Assert.True(reader.New.IsAbsent);
        Assert.False(reader.Read());
        Assert.False(reader.Read());
    }

    [Fact]
    public void A_relation_is_described_whole()
    {
        var relation = RelationMessage.Parse(Relation(7, "", "größe", 'i', ("id", true, 23, -1), ("n", false, 1700, 655366)));
        Assert.Equal(("pg_catalog", "größe", ReplicaIdentity.Index), (relation.Schema, relation.Name, relation.Identity));
        Assert.Equal([new RelationColumn("id", 23, -1, true), new RelationColumn("n", 1700, 655366, false)], relation.Columns);
    }

    [Fact]
    public void Rows_belong_to_the_definition_before_them()
    {
        var relations = new RelationMap();
        var reader = new ChangeReader(Chunk(Users, Insert(7, "1", "x"), Relation(7, "public", "users", 'd', ("id", true, 23, -1)), Insert(7, "2")), relations);
        var widths = new List<int>();
        while (reader.Read())
        {
            widths.Add(reader.Relation.Columns.Length);
        }

        Assert.Equal([2, 2, 1, 1], widths);
        Assert.Equal(1, relations.Count);
        relations.Clear();
        Assert.False(relations.TryGet(7, out _));
        Assert.Throws<KeyNotFoundException>(() => relations[7]);
    }

    [Fact]
    public void Truncations_and_messages_show_what_they_carry_and_types_and_origins_are_passed_over()
    {
        var reader = new ChangeReader(Chunk(Type(9, "public", "mood"), Truncate(3, 7, 8), Origin(5, "o"), Message(true, 99, "mark", "bytes"u8.ToArray()), Type(9, "a", "b")), new RelationMap());
        Assert.True(reader.Read());
        Assert.Equal(ChangeKind.Truncate, reader.Kind);
        Assert.Equal(TruncateOptions.Cascade | TruncateOptions.RestartIdentity, reader.Truncate.Options);
        Assert.Equal((2, 7u, 8u), (reader.Truncate.Count, reader.Truncate[0], reader.Truncate[1]));
        Assert.Equal(0u, reader.RelationOid);

        Assert.True(reader.Read());
        Assert.Equal(ChangeKind.Message, reader.Kind);
        Assert.True(reader.Message.IsTransactional);
        Assert.Equal(new Lsn(99), reader.Message.Lsn);
        Assert.Equal("mark", Encoding.UTF8.GetString(reader.Message.Prefix));
        Assert.Equal("bytes", Encoding.UTF8.GetString(reader.Message.Content));
        Assert.False(reader.Read());
    }

    [Fact]
    public void Transaction_bounds_types_and_origins_are_parsed()
    {
        Assert.Equal(new BeginMessage(new Lsn(0x1_0000_0002), 123, uint.MaxValue), BeginMessage.Parse(Begin(0x1_0000_0002, uint.MaxValue, 123)));
        Assert.Equal(new CommitMessage(new Lsn(4), new Lsn(5), -6), CommitMessage.Parse(Commit(4, 5, -6)));
        Assert.Equal(new TypeMessage(9, "public", "mood"), TypeMessage.Parse(Type(9, "public", "mood")));
        var origin = OriginMessage.Parse(Origin(77, "elsewhere"));
        Assert.Equal(new Lsn(77), origin.CommitLsn);
        Assert.Equal("elsewhere", Encoding.UTF8.GetString(origin.Name));
    }

    [Theory]
    [MemberData(nameof(Messages))]
    public void A_message_cut_short_or_with_bytes_after_it_is_refused(byte[] message)
    {
        for (var length = 1; length < message.Length; length++)
        {
            // Types and origins are passed over unread inside a transaction, so they are parsed on their own.
            var cut = message[..length];
            Assert.Throws<MalformedMessageException>(() => Parse(cut));
        }

        Assert.Throws<MalformedMessageException>(() => Parse([.. message, 0]));
        Parse(message);
    }

    [Fact]
    public void Rows_are_read_without_allocating()
    {
        var chunk = Chunk([Users, .. Enumerable.Range(0, 1000).Select(i => Update(7, 'O', [$"{i}", "x"], [$"{i}", "y"]))]);
        var relations = new RelationMap();
        Walk(chunk, relations);
        relations.Set(RelationMessage.Parse(Users));
        var rows = chunk[(Users.Length + ChangeReader.LengthPrefix)..];
        var before = GC.GetAllocatedBytesForCurrentThread();
        var count = Walk(rows, relations);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(1000, count);
    }

    [Theory]
    [InlineData(new byte[] { 1, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 0 })]
    [InlineData(new byte[] { 5, 0, 0, 0, (byte)'T' })]
    [InlineData(new byte[] { 255, 255, 255, 255, (byte)'T' })]
    [InlineData(new byte[] { 1, 0, 0, 0, (byte)'B' })]
    [InlineData(new byte[] { 1, 0, 0, 0, (byte)'S' })]
    [InlineData(new byte[] { 1, 0, 0, 0, 0 })]
    public void A_chunk_that_is_no_row_of_messages_is_refused(byte[] chunk) =>
        Assert.Throws<MalformedMessageException>(() => Walk(chunk, new RelationMap()));

    [Theory]
    [InlineData((byte)'b')]
    [InlineData((byte)0)]
    public void A_column_of_an_unknown_kind_is_refused(byte kind)
    {
        byte[] message = [(byte)'I', 0, 0, 0, 7, (byte)'N', 0, 1, kind];
        Assert.Contains("column 0", Assert.Throws<MalformedMessageException>(() => Walk(Chunk(message), new RelationMap())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Lengths_and_counts_below_zero_are_refused()
    {
        byte[] negativeLength = [(byte)'I', 0, 0, 0, 7, (byte)'N', 0, 1, (byte)'t', 255, 255, 255, 255];
        byte[] negativeCount = [(byte)'I', 0, 0, 0, 7, (byte)'N', 255, 255];
        byte[] hugeLength = [(byte)'I', 0, 0, 0, 7, (byte)'N', 0, 1, (byte)'t', 127, 255, 255, 255];
        byte[] hugeTruncate = [(byte)'T', 127, 255, 255, 255, 0];
        foreach (var message in new[] { negativeLength, negativeCount, hugeLength, hugeTruncate })
        {
            Assert.Throws<MalformedMessageException>(() => Walk(Chunk(message), new RelationMap()));
        }
    }

    private static int Walk(byte[] chunk, RelationMap relations)
    {
        var count = 0;
        var reader = new ChangeReader(chunk, relations);
        while (reader.Read())
        {
            count++;
        }

        return count;
    }

    private static void Parse(byte[] message)
    {
        switch ((MessageKind)message[0])
        {
            case MessageKind.Type:
                TypeMessage.Parse(message);
                break;
            case MessageKind.Origin:
                OriginMessage.Parse(message);
                break;
            default:
                Walk(Chunk(message), new RelationMap());
                break;
        }
    }
}
