using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using SyncEngine.Subscriptions;

namespace SyncEngine.Server.Hubs;

/// <summary>Puts a frame's ready bytes into SignalR's JSON; nothing is serialised again.</summary>
sealed class FrameConverter : JsonConverter<Frame>
{
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? buffer;

    public override Frame Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("frames are only sent");

    public override void Write(Utf8JsonWriter writer, Frame value, JsonSerializerOptions options)
    {
        var json = buffer ??= new ArrayBufferWriter<byte>(4096);
        json.ResetWrittenCount();
        value.WriteTo(json);
        writer.WriteRawValue(json.WrittenSpan, skipInputValidation: true);
        if (json.Capacity > 1024 * 1024)
        {
            buffer = null;
        }
    }
}
