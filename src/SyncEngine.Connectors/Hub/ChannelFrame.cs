using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Postgres.Channels;

namespace SyncEngine.Connectors.Hub;

/// <summary>A frame of a channel, encoded once for all its receivers.</summary>
/// <param name="ResumeId">The id from which a client resumes after it. Empty: from nothing. Null: from the same id as before.</param>
public readonly record struct ChannelFrame(Frame Frame, string? ResumeId)
{
    private static readonly JsonWriterOptions relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static ChannelFrame Message(string channel, ChannelMessage message)
    {
        var id = IdText(message.Id);
        return Of(FrameType.Message, id, json =>
        {
            json.WriteString("channel", channel);
            json.WriteStartObject("message");
            json.WriteString("id", id);
            json.WriteString("name", message.Name);
            if (message.Data is not null)
            {
                json.WriteString("data", message.Data);
                json.WriteString("encoding", "json");
            }

            json.WriteNumber("timestamp", message.Time.ToUnixTimeMilliseconds());
            json.WriteStartObject("extras");
            json.WritePropertyName("headers");
            json.WriteRawValue(message.Headers, skipInputValidation: true);
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    /// <summary>All stored messages have been sent.</summary>
    /// <param name="last">The last message that the client has; null for none.</param>
    public static ChannelFrame Live(long? last)
    {
        var id = last is { } known ? IdText(known) : null;
        return Of(FrameType.Live, id, json => json.WriteString("id", id));
    }

    public static ChannelFrame Reset() => new(new Frame(null, FrameBody.Reset(ErrorCode.MustRefetch)), "");

    public static ChannelFrame Error(SyncException error) => new(new Frame(null, FrameBody.Error(error)), null);

    private static ChannelFrame Of(FrameType type, string? resumeId, Action<Utf8JsonWriter> writeMembers)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, relaxed))
        {
            json.WriteStartObject();
            writeMembers(json);
            json.WriteEndObject();
        }

        // {"id":…} becomes ,"id":…
        var members = buffer.WrittenSpan[..^1].ToArray();
        members[0] = (byte)',';
        return new ChannelFrame(new Frame(null, FrameBody.Of(type, members)), resumeId);
    }

    private static string IdText(long id) => id.ToString(CultureInfo.InvariantCulture);
}
