using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using SyncEngine.Errors;

namespace SyncEngine.Server.Authentication;

/// <summary>The parts of a token, read more strictly than by the JWT library, and before it. The signature is checked afterwards.</summary>
/// <remarks>
/// Two readers must not see different tokens in one text. So the parts are canonical base64url, the JSON is UTF-8 without a byte order
/// mark, and every name occurs once. Header members that bring keys (jku, x5u, jwk) are not read; crit, b64 and zip are refused.
/// Source: RFC 7515, RFC 7519, RFC 8725.
/// </remarks>
sealed record TokenText
{
    private const int MaxLength = 16 * 1024;

    private static readonly JsonDocumentOptions strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    public required string Algorithm { get; init; }

    public required string? KeyId { get; init; }

    /// <summary>The payload exactly as it was signed.</summary>
    public required string Payload { get; init; }

    public required JsonElement Claims { get; init; }

    public required DateTimeOffset? ExpiresAt { get; init; }

    public required DateTimeOffset? NotBefore { get; init; }

    public required DateTimeOffset? IssuedAt { get; init; }

    /// <exception cref="SyncException"><c>unauthenticated</c>.</exception>
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

        var claims = ParseObject(payload);
        _ = (TextOf(claims, "iss"), TextOf(claims, "sub"));
        return new TokenText
        {
            Algorithm = TextOf(header, "alg") ?? throw Refused("its header names no algorithm"),
            KeyId = TextOf(header, "kid"),
            Payload = Encoding.UTF8.GetString(payload),
            Claims = claims,
            ExpiresAt = DateOf(claims, "exp"),
            NotBefore = DateOf(claims, "nbf"),
            IssuedAt = DateOf(claims, "iat"),
        };
    }

    public static SyncException Refused(string reason) => new(ErrorCode.Unauthenticated, $"the token is not accepted: {reason}");

    /// <summary>A member that is a string; null when it is missing or null.</summary>
    private static string? TextOf(JsonElement json, string name)
    {
        if (!json.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            // Another kind of value, or half of a pair of surrogates.
            throw Refused($"its \"{name}\" is not a string");
        }
    }

    /// <summary>A claim that is a date in seconds since 1970; null when it is missing.</summary>
    private static DateTimeOffset? DateOf(JsonElement claims, string name)
    {
        if (!claims.TryGetProperty(name, out var value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds)
            && seconds is > -60_000_000_000 and < 250_000_000_000
            ? DateTimeOffset.UnixEpoch.AddSeconds(seconds)
            : throw Refused($"its \"{name}\" is not a date");
    }

    private static byte[] Decode(string part)
    {
        // The decoder of .NET skips white space and accepts padding. Only a canonical text is the encoding of its own bytes.
        var isCanonical = Base64Url.IsValid(part, out var length);
        var bytes = isCanonical ? Base64Url.DecodeFromChars(part) : [];
        return isCanonical && length > 0 && string.Equals(Base64Url.EncodeToString(bytes), part, StringComparison.Ordinal)
            ? bytes
            : throw Refused("it is not base64url");
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
            // Refused below, without quoting the text.
        }

        throw Refused("it does not hold JSON objects");
    }
}
