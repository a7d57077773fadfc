using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using SyncEngine.Connectors.Targets;

namespace SyncEngine.Connectors.Ably;

/// <summary>A message in Ably's JSON. It keeps the rules of Ably that can be checked without a request.</summary>
sealed record AblyMessage(string Channel, ReadOnlyMemory<byte> Json)
{
    /// <summary>The longest path that HTTP servers accept. Ably itself does not limit the length of names.</summary>
    private const int MaxPathLength = 16 * 1024;

    /// <summary>Escapes no more than JSON.stringify does, because Ably counts bytes in that form.</summary>
    private static readonly JsonWriterOptions plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The path for its channel. The name is percent-encoded, also <c>.</c> and <c>..</c>, which clients resolve.</summary>
    public string Path { get; } =
        $"/channels/{(Channel is "." or ".." ? Channel.Replace(".", "%2E", StringComparison.Ordinal) : Uri.EscapeDataString(Channel))}"
        + "/messages";

    /// <exception cref="AblyRefusedException">Ably would refuse it for good.</exception>
    public static AblyMessage From(OutboundMessage message, int maxBytes)
    {
        if (message.Channel is [] or ['[', ..] or [':', ..] || message.Channel.Contains('\n', StringComparison.Ordinal))
        {
            throw new AblyRefusedException(
                AblyErrors.Never(AblyErrors.InvalidChannelName, "the channel's name is empty, begins with [ or :, or has a line break"));
        }

        var extras = Extras(message.Headers);
        var bytes =
            Encoding.UTF8.GetByteCount(message.Name) + (message.Data is { } data ? Encoding.UTF8.GetByteCount(data) : 0) + extras.Length;
        if (bytes > maxBytes)
        {
            throw new AblyRefusedException(
                AblyErrors.Never(AblyErrors.TooLarge, $"name, data and headers have {bytes} bytes, of at most {maxBytes}"));
        }

        var written = new AblyMessage(message.Channel, Write(message, extras.Span));
        return written.Path.Length <= MaxPathLength
            ? written
            : throw new AblyRefusedException(
                AblyErrors.Never(AblyErrors.InvalidChannelName, "the channel's name is too long for an address"));
    }

    private static ReadOnlyMemory<byte> Write(OutboundMessage message, ReadOnlySpan<byte> extras)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, plain))
        {
            writer.WriteStartObject();
            writer.WriteString("id", message.Id);
            writer.WriteString("name", message.Name);
            if (message.Data is { } data)
            {
                writer.WriteString("data", data);
                writer.WriteString("encoding", "json");
            }

            if (extras.Length > 0)
            {
                writer.WritePropertyName("extras");
                writer.WriteRawValue(extras, skipInputValidation: true);
            }

            writer.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    /// <summary><c>{"headers":{…}}</c>; empty without headers.</summary>
    private static ReadOnlyMemory<byte> Extras(string headers)
    {
        try
        {
            using var document = JsonDocument.Parse(headers);
            if (document.RootElement.EnumerateObject().Any(header => header.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array))
            {
                throw new JsonException("a value is nested");
            }

            if (!document.RootElement.EnumerateObject().Any())
            {
                return default;
            }

            var buffer = new ArrayBufferWriter<byte>();
            using (var writer = new Utf8JsonWriter(buffer, plain))
            {
                writer.WriteStartObject();
                writer.WritePropertyName("headers");
                document.RootElement.WriteTo(writer);
                writer.WriteEndObject();
            }

            return buffer.WrittenMemory;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new AblyRefusedException(AblyErrors.Never(AblyErrors.InvalidExtras, "the headers are not a flat JSON object"), exception);
        }
    }
}
