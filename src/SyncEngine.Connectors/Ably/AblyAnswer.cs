using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;

namespace SyncEngine.Connectors.Ably;

/// <summary>What came back for a request.</summary>
/// <param name="Code">Ably's own code; 0 without one.</param>
/// <param name="Message">Ably's words for the error.</param>
sealed record AblyAnswer(int Status, int Code, string? Message, TimeSpan? RetryAfter, string? MediaType, bool IsFromContentNetwork, ReadOnlyMemory<byte> Body)
{
    public bool IsJson => MediaType is "application/json";

    public bool IsSuccess => Status is 200 or 201 && IsJson && Code == 0;

    /// <summary>Ably's words for a message that it has taken. Something that is not Ably (a portal, a wrong address) may answer 200 as well, in JSON even.</summary>
    public bool IsAcknowledgement
    {
        get
        {
            using var document = IsSuccess ? Parse() : null;
            return document?.RootElement is { ValueKind: JsonValueKind.Object } answer && (IsText(answer, "messageId") || IsText(answer, "channel"));
        }
    }

    public static async Task<AblyAnswer> ReadAsync(HttpResponseMessage response, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> body = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        var mediaType = response.Content.Headers.ContentType?.MediaType;
        var (code, message) = response.IsSuccessStatusCode || mediaType is not "application/json" ? (0, null) : ErrorIn(body);
        if (code == 0 && response.Headers.TryGetValues("X-Ably-ErrorCode", out var codes))
        {
            _ = int.TryParse(codes.First(), CultureInfo.InvariantCulture, out code);
            message = response.Headers.TryGetValues("X-Ably-ErrorMessage", out var messages) ? messages.First() : null;
        }

        var isFromContentNetwork = code == 0 && response.Headers.Server.ToString().Contains("CloudFront", StringComparison.OrdinalIgnoreCase);
        return new AblyAnswer((int)response.StatusCode, code, message, Wait(response.Headers.RetryAfter, now), mediaType, isFromContentNetwork, body);
    }

    /// <summary>Parsed anew at each call; null when the body is no JSON after all.</summary>
    public JsonDocument? Parse()
    {
        try
        {
            return JsonDocument.Parse(Body);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The members of <c>{code, message, statusCode}</c>, as far as they are there.</summary>
    public static (int Code, string? Message, int Status) ReadError(JsonElement error) =>
        error.ValueKind is JsonValueKind.Object ? (Number(error, "code"), error.TryGetProperty("message", out var text) && text.ValueKind is JsonValueKind.String ? text.GetString() : null, Number(error, "statusCode")) : (0, null, 0);

    private static (int Code, string? Message) ErrorIn(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind is JsonValueKind.Object && document.RootElement.TryGetProperty("error", out var error))
            {
                var (code, message, _) = ReadError(error);
                return (code, message);
            }
        }
        catch (JsonException)
        {
            // the status says enough
        }

        return (0, null);
    }

    public static bool IsText(JsonElement element, string member) => element.TryGetProperty(member, out var value) && value.ValueKind is JsonValueKind.String;

    private static int Number(JsonElement element, string member) =>
        element.TryGetProperty(member, out var value) && value.ValueKind is JsonValueKind.Number && value.TryGetInt32(out var number) ? number : 0;

    private static TimeSpan? Wait(RetryConditionHeaderValue? header, DateTimeOffset now)
    {
        var wait = header?.Delta ?? header?.Date - now;
        return wait > TimeSpan.Zero ? wait : null;
    }
}
