using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using SyncEngine.Connectors.Targets;

namespace SyncEngine.Connectors.Ably;

/// <summary>The body of a batch, one spec for each message, and the answers to it.</summary>
static class AblyBatch
{
    public const string Path = "/messages";
    public const int MaxSpecs = 100;
    public const int MaxBytes = 2 * 1024 * 1024;

    private static ReadOnlySpan<byte> BeforeChannel => "{\"channels\":[\""u8;

    private static ReadOnlySpan<byte> BeforeMessage => "\"],\"messages\":"u8;

    /// <summary>The most that one more message adds to a body.</summary>
    public static int SizeOf(AblyMessage message) =>
        BeforeChannel.Length + Encode(message.Channel).EncodedUtf8Bytes.Length + BeforeMessage.Length + message.Json.Length + 2;

    public static ReadOnlyMemory<byte> Write(IEnumerable<AblyMessage> messages)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var separator = "["u8;
        foreach (var message in messages)
        {
            buffer.Write(separator);
            buffer.Write(BeforeChannel);
            buffer.Write(Encode(message.Channel).EncodedUtf8Bytes);
            buffer.Write(BeforeMessage);
            buffer.Write(message.Json.Span);
            buffer.Write("}"u8);
            separator = ","u8;
        }

        buffer.Write("]"u8);
        return buffer.WrittenMemory;
    }

    /// <summary>
    /// The result for each channel: null means stored. Empty when the batch failed as a whole, or the answer has no parts.
    /// </summary>
    /// <remarks>
    /// The shape depends on the version of the protocol: an array of results, or <c>{successCount, failureCount, results}</c>, or an array
    /// of those, one for each spec.
    /// With an error 40020 the results are the member <c>batchResponse</c>.
    /// </remarks>
    public static IReadOnlyDictionary<string, Refusal?> Read(AblyAnswer answer)
    {
        var results = new Dictionary<string, Refusal?>(StringComparer.Ordinal);
        if (answer.IsSuccess || answer.Code == AblyErrors.BatchPartlyFailed)
        {
            using var document = answer.Parse();
            if (document is not null)
            {
                Gather(document.RootElement, results);
            }
        }

        return results;
    }

    private static void Gather(JsonElement element, Dictionary<string, Refusal?> results)
    {
        if (element.ValueKind is JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray())
            {
                Gather(item, results);
            }
        }
        else if (element.ValueKind is JsonValueKind.Object)
        {
            if (element.TryGetProperty("results", out var inner) || element.TryGetProperty("batchResponse", out inner))
            {
                Gather(inner, results);
            }
            else if (element.TryGetProperty("channel", out var channel) && channel.ValueKind is JsonValueKind.String)
            {
                ReadResult(channel.GetString()!, element, results);
            }
        }
    }

    private static void ReadResult(string channel, JsonElement result, Dictionary<string, Refusal?> results)
    {
        if (result.TryGetProperty("error", out var error) && error.ValueKind is not JsonValueKind.Null)
        {
            var (code, message, status) = AblyAnswer.ReadError(error);
            results[channel] = AblyErrors.Classify(status, code, message);
        }
        else if (result.TryGetProperty("messageId", out _))
        {
            results[channel] = null;
        }
    }

    private static JsonEncodedText Encode(string channel) => JsonEncodedText.Encode(channel, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
}
