using System.Globalization;
using System.Text;
using System.Text.Json;

namespace SyncEngine.AblySimulator;

/// <summary>A message as it was sent.</summary>
sealed record PublishedMessage(string? Id, string? Name, string? Data, string? Encoding, string? ClientId, string? Extras);

/// <summary>The messages of one request, or of one spec of a batch: stored as one or not at all.</summary>
/// <param name="IdempotencyId">The id of a single message, or the base that all ids of an array have in common; null without ids.</param>
/// <param name="Bytes">The bytes that count for the size limit.</param>
sealed record Publish(IReadOnlyList<PublishedMessage> Messages, string? IdempotencyId, int Bytes)
{
    /// <summary>Reads one message or an array of them.</summary>
    /// <exception cref="AblyException">As Ably would refuse it.</exception>
    public static Publish Read(JsonElement body, int maxBytes)
    {
        PublishedMessage[] messages = body.ValueKind switch
        {
            JsonValueKind.Object => [ReadMessage(body)],
            JsonValueKind.Array => [.. body.EnumerateArray().Select(ReadMessage)],
            _ => throw new AblyException(AblyError.BadRequest("a message is an object, or several are an array of objects")),
        };
        if (messages.Length == 0)
        {
            throw new AblyException(AblyError.BadRequest("there is no message"));
        }

        var bytes = messages.Sum(SizeOf);
        if (bytes > maxBytes)
        {
            throw new AblyException(new AblyError(413, 40009, $"the publish has {bytes} bytes, of at most {maxBytes}"));
        }

        return new Publish(messages, CommonId(messages), bytes);
    }

    private static PublishedMessage ReadMessage(JsonElement message)
    {
        if (message.ValueKind is not JsonValueKind.Object)
        {
            throw new AblyException(AblyError.BadRequest("a message is an object"));
        }

        var encoding = Text(message, "encoding");
        var read = new PublishedMessage(
            Text(message, "id"), Text(message, "name"), Data(message), encoding, Text(message, "clientId"), Extras(message));
        if (string.Equals(encoding, "json", StringComparison.Ordinal) && !IsJson(read.Data))
        {
            throw new AblyException(new AblyError(400, 40013, "the data is not the JSON that its encoding says"));
        }

        return read;
    }

    private static string? Text(JsonElement message, string member) =>
        !message.TryGetProperty(member, out var value) || value.ValueKind is JsonValueKind.Null ? null
        : value.ValueKind is JsonValueKind.String ? value.GetString()
        : throw new AblyException(AblyError.BadRequest($"{member} is a string"));

    private static string? Data(JsonElement message) =>
        !message.TryGetProperty("data", out var data) ? null : data.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.String => data.GetString(),
            JsonValueKind.Object or JsonValueKind.Array => data.GetRawText(),
            _ => throw new AblyException(new AblyError(400, 40013, "data is a string, an object or an array")),
        };

    private static bool IsJson(string? text)
    {
        if (text is null)
        {
            return false;
        }

        try
        {
            using (JsonDocument.Parse(text))
            {
                return true;
            }
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string? Extras(JsonElement message)
    {
        if (!message.TryGetProperty("extras", out var extras) || extras.ValueKind is JsonValueKind.Null)
        {
            return null;
        }

        var isRight = extras.ValueKind is JsonValueKind.Object
            && (!extras.TryGetProperty("headers", out var headers)
                || headers.ValueKind is JsonValueKind.Object && headers.EnumerateObject().All(
                    header => header.Value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array)));
        return isRight ? extras.GetRawText() : throw new AblyException(
            new AblyError(400, 40032, "extras.headers is a flat object of strings, numbers, booleans and nulls"));
    }

    private static int SizeOf(PublishedMessage message) =>
        Count(message.Name) + Count(message.Data) + Count(message.ClientId) + Count(message.Extras);

    private static int Count(string? text) => text is null ? 0 : Encoding.UTF8.GetByteCount(text);

    /// <summary>In an array every id is BASE:INDEX, with one base.</summary>
    private static string? CommonId(PublishedMessage[] messages)
    {
        if (messages.Length == 1 || Array.TrueForAll(messages, message => message.Id is null))
        {
            return messages[0].Id;
        }

        string? common = null;
        for (var index = 0; index < messages.Length; index++)
        {
            var suffix = ":" + index.ToString(CultureInfo.InvariantCulture);
            if (messages[index].Id is not { } id || !id.EndsWith(suffix, StringComparison.Ordinal) || common is not null && !string.Equals(
                id[..^suffix.Length], common, StringComparison.Ordinal))
            {
                throw new AblyException(new AblyError(400, 40031, "ids in an array are BASE:INDEX with one base"));
            }

            common = id[..^suffix.Length];
        }

        return common;
    }
}
