using System.Buffers;
using System.Text.Json;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Tests.Tiers;
using SyncEngine.Tiers;
using Xunit;

namespace SyncEngine.Tests.Delivery;

public sealed class FrameBodyTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    [InlineData(100_000)]
    public void Parts_of_a_diff_together_are_the_diff_and_only_the_last_has_no_more(int chunkBytes)
    {
        var state = new ResultState(isOrdered: true);
        state.Replace([.. Enumerable.Range(0, 9).Select(key => ResultRowsModel.Row(key, 0))]);
        var diff = state.Replace([.. ((int[])[20, 4, 21, 1, 2, 22, 3]).Select(key => ResultRowsModel.Row(key, key % 2))]);
        var parts = FrameBody.OfDiff(diff, new Lsn(0x16B3790), 5, 742, chunkBytes);
        var frames = parts.Select(part => Parse(part, "s")).ToList();
        Assert.All(frames, frame => Assert.Equal(("diff", "s", "0/16B3790", "742"), (Text(frame, "type"), Text(frame, "sub"), Text(frame, "cut"), Text(frame, "xid"))));
        Assert.All(frames.SkipLast(1), frame => Assert.True(frame.GetProperty("more").GetBoolean()));
        Assert.False(frames[^1].TryGetProperty("more", out _));
        Assert.Equal(parts.Count > 1 ? null : diff, parts[^1].Diff);
        foreach (var (name, rows, positions) in ((string, IReadOnlyList<SyncEngine.Values.EncodedRow>, IReadOnlyList<int>?)[])[("added", diff.Added, diff.AddedAt), ("updated", diff.Updated, diff.UpdatedAt)])
        {
            Assert.Equal(ResultRowsModel.Texts(rows, true), frames.SelectMany(frame => Items(frame, name)).Select(row => row.GetRawText()));
            Assert.Equal(positions!, frames.SelectMany(frame => Items(frame, name + "At")).Select(position => position.GetInt32()));
            Assert.All(frames, frame => Assert.Equal(Items(frame, name).Count(), Items(frame, name + "At").Count()));
        }

        Assert.Equal(diff.Removed.Select(key => key.ToString()), frames.SelectMany(frame => Items(frame, "removed")).Select(key => key.GetRawText()));
    }

    [Fact]
    public void An_empty_result_is_one_chunk_and_an_error_is_valid_json_whatever_it_says()
    {
        Assert.Equal("""{"type":"snapshot","sub":"s","rows":[]}""", Parse(Assert.Single(FrameBody.Snapshot([], 100)), "s").GetRawText());
        var error = Parse(FrameBody.Error(new SyncException(ErrorCode.QueryFailed, "a \"quoted\" \\ name\n", hint: "Mend it.") { SqlState = "22012", Position = 7 }), "s");
        Assert.Equal("a \"quoted\" \\ name\n", Text(error, "message"));
        Assert.Equal(("22012", 7), (Text(error, "sqlstate"), error.GetProperty("position").GetInt32()));
        Assert.False(error.TryGetProperty("detail", out _));
    }

    [Fact]
    public void The_commit_time_is_microseconds_since_2000_in_utc() => Assert.Equal(
        "2000-01-01T00:00:01.000002Z", Text(Parse(FrameBody.OfDiff(new RowDiff([], [], []), new Lsn(1), 1_000_002, 1, 100)[0], "s"), "commitTime"));

    private static JsonElement Parse(FrameBody body, string id)
    {
        var buffer = new ArrayBufferWriter<byte>();
        body.WriteTo(buffer, id);
        using var document = JsonDocument.Parse(buffer.WrittenMemory);
        return document.RootElement.Clone();
    }

    private static string? Text(JsonElement frame, string name) => frame.GetProperty(name).GetString();

    private static IEnumerable<JsonElement> Items(JsonElement frame, string name) => frame.TryGetProperty(name, out var list) ? list.EnumerateArray() : [];
}
