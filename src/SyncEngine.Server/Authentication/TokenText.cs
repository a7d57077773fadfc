using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using SyncEngine.Errors;

namespace SyncEngine.Server.Authentication;

/// <summary>A token taken apart, and so far believed in nothing: the signature is still to be checked.</summary>
/// <remarks>
/// Stricter than the libraries are, so that no two readers can see different tokens in one text: canonical base64url, UTF-8 without a byte order
/// mark, one value per name, three parts. Header members that name further keys or rules (jku, x5u, jwk) are never looked at; crit is refused.
/// Source: RFC 7515, RFC 7519, RFC 8725.
/// </remarks>
sealed record TokenText(string Algorithm, string? KeyId, string Payload, JsonElement Claims)
{
    private const int MaxLength = 16 * 1024;

    private static readonly JsonDocumentOptions strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    public static TokenText Parse(string token)
    {
        if (token.Length > MaxLength)
        {
            throw Refused("it is too long");
        }

        var parts = token.Split('.');
        if (parts.Length != 3 || parts[2].Length == 0)
        {
            throw Refused("it does not have three parts");
        }

        var header = ParseObject(Decode(parts[0]));
        var payload = Decode(parts[1]);
        Decode(parts[2]);
        if (header.TryGetProperty("crit", out _) || header.TryGetProperty("b64", out _) || header.TryGetProperty("zip", out _))
        {
            throw Refused("its header asks for extensions");
        }

        return new TokenText(
            TextOf(header, "alg") ?? throw Refused("its header names no algorithm"),
            TextOf(header, "kid"),
            Encoding.UTF8.GetString(payload),
            ParseObject(payload));
    }

    /// <summary>A member that is a text; null when it is missing or null.</summary>
    public static string? TextOf(JsonElement json, string name) =>
        !json.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind != JsonValueKind.String ? throw Refused($"its \"{name}\" is not a text")
        : value.GetString();

    /// <summary>A claim that is a date in seconds since 1970; null when it is missing.</summary>
    public DateTimeOffset? DateOf(string name)
    {
        if (!Claims.TryGetProperty(name, out var value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds) && seconds is > -60_000_000_000 and < 250_000_000_000
            ? DateTimeOffset.UnixEpoch.AddSeconds(seconds)
            : throw Refused($"its \"{name}\" is not a date");
    }

    public static SyncException Refused(string why) => new(ErrorCode.Unauthenticated, $"the token is not accepted: {why}");

    private static byte[] Decode(string part)
    {
        // The decoder of .NET skips white space and takes padding; a canonical text survives the way back.
        var isCanonical = Base64Url.IsValid(part, out var length);
        var bytes = isCanonical ? Base64Url.DecodeFromChars(part) : [];
        return isCanonical && length > 0 && string.Equals(Base64Url.EncodeToString(bytes), part, StringComparison.Ordinal) ? bytes : throw Refused("it is not base64url");
    }

    private static JsonElement ParseObject(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, strict);
            if (document.RootElement.ValueKind == JsonValueKind.Object && Utf8.IsValid(json))
            {
                return document.RootElement.Clone();
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Refused below; the text itself goes nowhere.
        }

        throw Refused("it does not hold JSON objects");
    }
}
