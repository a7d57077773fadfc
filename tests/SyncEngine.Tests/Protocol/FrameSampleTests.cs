using System.Buffers;
using System.Text;
using SyncEngine.Changes;
using SyncEngine.Connectors.Hub;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Postgres.Channels;
using SyncEngine.Tests.Values;
using SyncEngine.Tiers;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.Tests.Protocol;

/// <summary>The encoders write the samples of frames byte for byte.</summary>
public sealed class FrameSampleTests
{
    private static readonly Lsn liveAt = new(0x16B3748);
    private static readonly Lsn firstCommit = new(0x16B3790);
    private static readonly Lsn secondCommit = new(0x16B37D8);
    private static readonly TimeSpan commitTime =
        new DateTime(2026, 11, 20, 8, 28, 0, DateTimeKind.Utc).AddMicroseconds(123_456) - new DateTime(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private static readonly Dictionary<string, string> encoded = new(StringComparer.Ordinal)
    {
        ["snapshot"] = Text(Snapshot()[0]),
        ["snapshot-last"] = Text(Snapshot()[1]),
        ["live"] = Text(FrameBody.Live(liveAt)),
        ["live-plan"] = Text(FrameBody.Live(liveAt, """{"mode":"requery","reason":"row-level security policies apply"}"""u8.ToArray())),
        ["diff"] = Text(Diff(positions: null, commitTime, firstCommit, 742)),
        ["diff-ordered"] = Text(Diff(positions: [0, 1], committedAt: null, firstCommit, 742)),
        ["diff-part"] = Text(Parts()[0]),
        ["diff-last-part"] = Text(Parts()[1]),
        ["cut"] = Text(FrameBody.OfCut(firstCommit), subscription: null),
        ["stale"] = Text(FrameBody.Stale(new SyncException(ErrorCode.QueryFailed, "division by zero") { SqlState = "22012" })),
        ["reset"] = Text(FrameBody.Reset(ErrorCode.MustRefetch)),
        ["error"] = Text(FrameBody.Error(
            new SyncException(ErrorCode.PermissionDenied, "permission denied for table messages", hint: "Grant SELECT on it to the role of the token.") { SqlState = "42501" })),
        ["channel-message"] = Text(ChannelFrame.Message(
            "room:42",
            new ChannelMessage(7, "new", """{"body": "hi"}""", """{"x-ably-models-event-uuid": "m1"}""", DateTimeOffset.FromUnixTimeMilliseconds(1_795_161_600_123)))),
        ["channel-live"] = Text(ChannelFrame.Live(7)),
        ["channel-live-empty"] = Text(ChannelFrame.Live(null)),
        ["channel-reset"] = Text(ChannelFrame.Reset()),
        ["channel-error"] = Text(ChannelFrame.Error(
            new SyncException(ErrorCode.PermissionDenied, "permission denied for table channel_messages", hint: "Grant SELECT on it to the role."))),
    };

    public static TheoryData<string> Names => [.. Samples.Frames];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_frame_is_encoded_as_its_sample_byte_for_byte(string name) => Assert.Equal(Samples.Frame(name), encoded[name]);

    [Fact]
    public void Every_encoded_frame_has_a_sample() => Assert.Equal(encoded.Keys.Order(StringComparer.Ordinal), Samples.Frames);

    [Fact]
    public void Every_type_of_frame_has_a_sample() => Assert.Equal(
        Enum.GetValues<FrameType>().Select(type => Encoding.ASCII.GetString(type.Name())).Order(StringComparer.Ordinal),
        encoded.Values.Select(TypeOf).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));

    private static IReadOnlyList<FrameBody> Snapshot() => FrameBody.Snapshot([Row("1", "hi"), Row("2", "yo"), Row("4", null)], chunkBytes: 40);

    private static FrameBody Diff(int[]? positions, TimeSpan? committedAt, Lsn cut, ulong xid) => Assert.Single(FrameBody.OfDiff(
        new RowDiff([Row("3", "hey")], [Row("1", "hi!")], [Row("2", null).Key], positions?[..1], positions?[1..]),
        cut,
        committedAt is { } time ? (long)time.TotalMicroseconds : null,
        xid,
        chunkBytes: 1024));

    private static IReadOnlyList<FrameBody> Parts()
    {
        var diff = new RowDiff([Row("5", "one"), Row("6", "two")], [Row("1", "bye")], []);
        return FrameBody.OfDiff(diff, secondCommit, null, 743, chunkBytes: 60);
    }

    /// <summary>A row of <c>SELECT id, body</c>, an int8 and a text.</summary>
    private static EncodedRow Row(string id, string? body)
    {
        var encoder = new JsonRowEncoder([ColumnCodec.For(Types.Base(TypeOid.Int8)), ColumnCodec.For(Types.Base(TypeOid.Text))], [0]);
        encoder.Begin();
        encoder.Add(Encoding.UTF8.GetBytes(id), isNull: false);
        encoder.Add(Encoding.UTF8.GetBytes(body ?? ""), isNull: body is null);
        return encoder.End();
    }

    private static string Text(FrameBody body, string? subscription = "s1")
    {
        var output = new ArrayBufferWriter<byte>();
        new Frame(subscription, body).WriteTo(output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static string Text(ChannelFrame frame)
    {
        var output = new ArrayBufferWriter<byte>();
        frame.Frame.WriteTo(output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static string TypeOf(string frame)
    {
        using var document = System.Text.Json.JsonDocument.Parse(frame);
        return document.RootElement.GetProperty("type").GetString()!;
    }
}
