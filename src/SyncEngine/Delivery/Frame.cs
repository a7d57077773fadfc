using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using SyncEngine.Changes;
using SyncEngine.Errors;
using SyncEngine.Tiers;
using SyncEngine.Values;

namespace SyncEngine.Delivery;

/// <summary>
/// The content of a frame, without the subscription that it is for: encoded once and shared by every subscription that gets it.
/// docs/PROTOCOL.md has the members.
/// </summary>
public sealed class FrameBody
{
    private readonly byte[] tail;

    private FrameBody(FrameType type, Lsn? cut, byte[] tail, RowDiff? diff = null, bool isPartial = false)
    {
        Type = type;
        Cut = cut;
        this.tail = tail;
        Diff = diff;
        IsPartial = isPartial;
    }

    public FrameType Type { get; }

    /// <summary>The cut that the rows are at after this frame.</summary>
    public Lsn? Cut { get; }

    /// <summary>More parts follow before the frame may be applied, or resumed from.</summary>
    public bool IsPartial { get; }

    /// <summary>Length in bytes of what is shared.</summary>
    public int Length => tail.Length;

    /// <summary>The change itself, so that a full queue can merge several.</summary>
    internal RowDiff? Diff { get; }

    /// <summary>A frame with members of the caller's own, such as those of the hub's channels.</summary>
    /// <param name="members">JSON members after <c>type</c>, each with a comma before it.</param>
    public static FrameBody Of(FrameType type, byte[] members) => new(type, null, members);

    internal static FrameBody OfCut(Lsn cut) => new(FrameType.Cut, cut, Encoding.ASCII.GetBytes($",\"cut\":\"{cut}\""));

    internal static FrameBody Live(Lsn cut, byte[]? plan = null)
    {
        var text = $",\"cut\":\"{cut}\"";
        byte[] members = plan is null ? Encoding.ASCII.GetBytes(text) : [.. Encoding.ASCII.GetBytes(text + ",\"plan\":"), .. plan];
        return new(FrameType.Live, cut, members);
    }

    public static FrameBody Reset(ErrorCode code) => new(FrameType.Reset, null, Encoding.ASCII.GetBytes($",\"code\":\"{code.Name}\""));

    internal static FrameBody Stale(SyncException error) => new(FrameType.Stale, null, Members(error));

    public static FrameBody Error(SyncException error) => new(FrameType.Error, null, Members(error));

    /// <summary>A result in chunks of about <paramref name="chunkBytes"/>; at least one.</summary>
    internal static IReadOnlyList<FrameBody> Snapshot(IReadOnlyList<EncodedRow> rows, int chunkBytes)
    {
        List<FrameBody> frames = [];
        var buffer = new ArrayBufferWriter<byte>();
        var next = 0;
        do
        {
            buffer.ResetWrittenCount();
            buffer.Write(",\"rows\":["u8);
            var first = next;
            while (next < rows.Count && (next == first || buffer.WrittenCount + rows[next].Json.Length < chunkBytes))
            {
                WriteItem(buffer, rows[next].Json, next > first);
                next++;
            }

            buffer.Write(next < rows.Count ? "],\"more\":true"u8 : "]"u8);
            frames.Add(new FrameBody(FrameType.Snapshot, null, buffer.WrittenSpan.ToArray(), isPartial: true));
        }
        while (next < rows.Count);
        return frames;
    }

    /// <summary>A diff, in parts of about <paramref name="chunkBytes"/>.</summary>
    internal static IReadOnlyList<FrameBody> OfDiff(RowDiff diff, Lsn cut, long? commitTimeMicroseconds, ulong? xid, int chunkBytes)
    {
        var head = new StringBuilder().Append(CultureInfo.InvariantCulture, $",\"cut\":\"{cut}\"");
        if (commitTimeMicroseconds is { } microseconds)
        {
            head.Append(",\"commitTime\":\"").Append(TimeText(microseconds)).Append('"');
        }

        if (xid is { } id)
        {
            head.Append(CultureInfo.InvariantCulture, $",\"xid\":\"{id}\"");
        }

        var headBytes = Encoding.ASCII.GetBytes(head.ToString());
        return new DiffWriter(diff, cut, headBytes, chunkBytes).Write();
    }

    /// <summary>Writes the whole frame as one JSON object.</summary>
    internal void WriteTo(IBufferWriter<byte> output, string? subscriptionId)
    {
        output.Write("{\"type\":\""u8);
        output.Write(Type.Name());
        output.Write("\""u8);
        if (subscriptionId is not null)
        {
            output.Write(",\"sub\":\""u8);
            output.Write(Encoding.ASCII.GetBytes(subscriptionId));
            output.Write("\""u8);
        }

        output.Write(tail);
        output.Write("}"u8);
    }

    private static string TimeText(long microsecondsSince2000) =>
        new DateTime(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddTicks(microsecondsSince2000 * TimeSpan.TicksPerMicrosecond)
            .ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private static byte[] Members(SyncException error)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("code", error.Code.Name);
            json.WriteString("message", error.Message);
            WriteOptional(json, "detail", error.Detail);
            WriteOptional(json, "hint", error.Hint);
            WriteOptional(json, "sqlstate", error.SqlState);
            if (error.Position is { } position)
            {
                json.WriteNumber("position", position);
            }

            json.WriteEndObject();
        }

        // {"code":…} becomes ,"code":…
        var members = buffer.WrittenSpan[..^1].ToArray();
        members[0] = (byte)',';
        return members;
    }

    private static void WriteOptional(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    private static void WriteItem(ArrayBufferWriter<byte> buffer, ReadOnlySpan<byte> item, bool needsComma)
    {
        if (needsComma)
        {
            buffer.Write(","u8);
        }

        buffer.Write(item);
    }

    /// <summary>Cuts a diff into parts; every part but the last says <c>more</c>.</summary>
    private sealed class DiffWriter(RowDiff diff, Lsn cut, byte[] head, int chunkBytes)
    {
        private readonly ArrayBufferWriter<byte> buffer = new(256);
        private readonly List<FrameBody> parts = [];

        public IReadOnlyList<FrameBody> Write()
        {
            buffer.Write(head);
            WriteList("added", diff.Added.Count, index => diff.Added[index].Json, "addedAt", diff.AddedAt);
            WriteList("updated", diff.Updated.Count, index => diff.Updated[index].Json, "updatedAt", diff.UpdatedAt);
            WriteList("removed", diff.Removed.Count, index => diff.Removed[index].Json, null, null);
            // The whole diff hangs on a single frame only: parts are not merged.
            parts.Add(new FrameBody(FrameType.Diff, cut, buffer.WrittenSpan.ToArray(), parts.Count == 0 ? diff : null));
            return parts;
        }

        private void WriteList(string name, int count, Func<int, byte[]> item, string? positionsName, IReadOnlyList<int>? positions)
        {
            var next = 0;
            while (next < count)
            {
                if (buffer.WrittenCount >= chunkBytes)
                {
                    buffer.Write(",\"more\":true"u8);
                    parts.Add(new FrameBody(FrameType.Diff, cut, buffer.WrittenSpan.ToArray(), isPartial: true));
                    buffer.ResetWrittenCount();
                    buffer.Write(head);
                }

                var first = next;
                Open(name);
                do
                {
                    WriteItem(buffer, item(next), next > first);
                    next++;
                }
                while (next < count && buffer.WrittenCount < chunkBytes);
                buffer.Write("]"u8);
                if (positionsName is not null && positions is not null)
                {
                    Open(positionsName);
                    for (var i = first; i < next; i++)
                    {
                        WriteItem(buffer, Encoding.ASCII.GetBytes(positions[i].ToString(CultureInfo.InvariantCulture)), i > first);
                    }

                    buffer.Write("]"u8);
                }
            }
        }

        private void Open(string name)
        {
            buffer.Write(",\""u8);
            buffer.Write(Encoding.ASCII.GetBytes(name));
            buffer.Write("\":["u8);
        }
    }
}

/// <summary>One frame on its way to one client.</summary>
/// <param name="SubscriptionId">Null for a cut of the stream.</param>
public readonly record struct Frame(string? SubscriptionId, FrameBody Body)
{
    /// <summary>Bytes that the queue counts.</summary>
    public int Length => Body.Length + 64;

    public void WriteTo(IBufferWriter<byte> output) => Body.WriteTo(output, SubscriptionId);
}
