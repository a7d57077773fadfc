using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;

namespace SyncEngine.Connectors.Ably;

/// <summary>The answer to a request.</summary>
/// <param name="Code">Ably's own code; 0 without one.</param>
/// <param name="Message">Ably's text for the error.</param>
sealed record AblyAnswer(int Status, int Code, string? Message, TimeSpan? RetryAfter, ReadOnlyMemory<byte> Body)
{
    public required string? MediaType { get; init; }

    /// <summary>It comes from the content network before Ably, and not from Ably.</summary>
    public required bool IsFromContentNetwork { get; init; }

    public bool IsJson => MediaType is "application/json";

    public bool IsSuccess => Status is 200 or 201 && IsJson && Code == 0;

    /// <summary>
    /// Ably's own answer for a message that it has stored. A portal, or a wrong address, may answer 200 as well, even in JSON.
    /// </summary>
    public bool IsStored
    {
        get
        {
            using var document = IsSuccess ? Parse() : null;
            return document?.RootElement is { ValueKind: JsonValueKind.Object } answer && (
                IsText(answer, "messageId") || IsText(answer, "channel"));
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

        var server = response.Headers.Server.ToString();
        return new AblyAnswer((int)response.StatusCode, code, message, Wait(response.Headers.RetryAfter, now), body)
        {
            MediaType = mediaType,
            IsFromContentNetwork = code == 0 && server.Contains("CloudFront", StringComparison.OrdinalIgnoreCase),
        };
    }

    /// <summary>Parses the body at each call; null when it is not JSON.</summary>
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

    /// <summary>Reads those members of <c>{code, message, statusCode}</c> that are there.</summary>
    public static (int Code, string? Message, int Status) ReadError(JsonElement error) =>
        error.ValueKind is not JsonValueKind.Object
            ? (0, null, 0)
            : (
                Number(error, "code"), IsText(error, "message") ? error.GetProperty("message").GetString() : null,
                Number(error, "statusCode"));

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
            // The status is enough.
        }

        return (0, null);
    }

    public static bool IsText(JsonElement element, string member) =>
        element.TryGetProperty(member, out var value) && value.ValueKind is JsonValueKind.String;

    private static int Number(JsonElement element, string member) =>
        element.TryGetProperty(member, out var value) && value.ValueKind is JsonValueKind.Number && value.TryGetInt32(out var number)
            ? number
            : 0;

    private static TimeSpan? Wait(RetryConditionHeaderValue? header, DateTimeOffset now)
    {
        var wait = header?.Delta ?? header?.Date - now;
        return wait > TimeSpan.Zero ? wait : null;
    }
}
