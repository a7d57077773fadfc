using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace SyncEngine.AblySimulator;

/// <summary>Capabilities: channel patterns (<c>*</c>, <c>ns:*</c>, a name) and operations.</summary>
sealed record Capability(IReadOnlyDictionary<string, string[]> Operations)
{
    public static Capability All { get; } = new(new Dictionary<string, string[]>(StringComparer.Ordinal) { ["*"] = ["*"] });

    public static Capability Parse(string json) => new(JsonSerializer.Deserialize<Dictionary<string, string[]>>(json)!);

    public bool AllowsPublishing(string channel) =>
        Operations.Any(entry => Fits(entry.Key, channel) && entry.Value.Any(operation => operation is "*" or "publish"));

    public override string ToString() => JsonSerializer.Serialize(Operations);

    private static bool Fits(string resource, string channel) =>
        resource.EndsWith('*') ? channel.StartsWith(resource[..^1], StringComparison.Ordinal) : string.Equals(
            resource, channel, StringComparison.Ordinal);
}

/// <summary>The account's keys and the tokens issued for them.</summary>
sealed class Credentials(SimulatorOptions options)
{
    private static readonly TimeSpan requestLifetime = TimeSpan.FromMinutes(2);

    private readonly ConcurrentDictionary<string, Key> keys = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Token> tokens = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> nonces = new(StringComparer.Ordinal);
    private int issued;

    private sealed record Key(string Name, string Secret, Capability Capability, bool IsRevoked = false);

    private sealed record Token(Capability Capability, DateTimeOffset Expires, bool IsRevoked = false);

    public int Issued => Volatile.Read(ref issued);

    public void AddKey(string key, string? capability)
    {
        var colon = key.IndexOf(':', StringComparison.Ordinal);
        keys[key[..colon]] = new Key(key[..colon], key[(colon + 1)..], capability is null ? Capability.All : Capability.Parse(capability));
    }

    public void RevokeKey(string key) =>
        keys.AddOrUpdate(
            key.Split(':')[0], _ => throw new ArgumentException("no such key", nameof(key)), (_, known) => known with { IsRevoked = true });

    public void AddToken(string token, DateTimeOffset expires, string? capability) =>
        tokens[token] = new Token(capability is null ? Capability.All : Capability.Parse(capability), expires);

    public void RevokeTokens()
    {
        foreach (var (text, token) in tokens)
        {
            tokens[text] = token with { IsRevoked = true };
        }
    }

    /// <summary>Returns the capabilities of the caller.</summary>
    public Capability Authenticate(string? authorization)
    {
        if (authorization is not null && authorization.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            return FromKey(Decode(authorization["Basic ".Length..])).Capability;
        }

        if (authorization is not null && authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            return FromToken(authorization["Bearer ".Length..]);
        }

        throw Unauthorised(40101, "there are no credentials");
    }

    /// <summary>Answers a TokenRequest, signed or with the key in the header, with TokenDetails.</summary>
    public byte[] RequestToken(string keyName, JsonElement request, string? authorization)
    {
        if (request.ValueKind is not JsonValueKind.Object || !string.Equals(Text(request, "keyName"), keyName, StringComparison.Ordinal))
        {
            throw new AblyException(AblyError.BadRequest("a TokenRequest names the key of its address"));
        }

        var key = request.TryGetProperty("mac", out _) ? FromSignature(keyName, request) : FromKey(Decode(
            authorization is { } basic && basic.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) ? basic["Basic ".Length..] : ""));
        if (!string.Equals(key.Name, keyName, StringComparison.Ordinal))
        {
            throw Unauthorised(40101, "the key is another one");
        }

        var now = options.Time.GetUtcNow();
        var nonce = Text(request, "nonce");
        if (!long.TryParse(Text(request, "timestamp"), out var timestamp)
            || (DateTimeOffset.FromUnixTimeMilliseconds(timestamp) - now).Duration() > requestLifetime)
        {
            throw Unauthorised(40104, "the timestamp is missing, or too far from now");
        }

        if (nonce is null || nonce.Length < 16)
        {
            throw new AblyException(AblyError.BadRequest("a nonce has at least 16 characters"));
        }

        if (!nonces.TryAdd(nonce, value: true))
        {
            throw Unauthorised(40105, "the nonce was used before");
        }

        var lifetime =
            long.TryParse(Text(request, "ttl"), out var milliseconds) ? TimeSpan.FromMilliseconds(milliseconds) : options.TokenLifetime;
        var capability = Text(request, "capability") is { Length: > 0 } asked ? Capability.Parse(asked) : key.Capability;
        var token = $"{keyName.Split('.')[0]}.token-{Interlocked.Increment(ref issued)}";
        tokens[token] = new Token(capability, now + lifetime);
        return JsonSerializer.SerializeToUtf8Bytes(new
        {
            token,
            keyName,
            issued = now.ToUnixTimeMilliseconds(),
            expires = (now + lifetime).ToUnixTimeMilliseconds(),
            capability = capability.ToString(),
        });
    }

    /// <summary>A TokenRequest as the owner of the key would sign it.</summary>
    public string SignedRequest(string key)
    {
        var colon = key.IndexOf(':', StringComparison.Ordinal);
        var timestamp = options.Time.GetUtcNow().ToUnixTimeMilliseconds();
        var nonce = Guid.NewGuid().ToString("N");
        var mac = Sign(key[(colon + 1)..], key[..colon], "", "", "", timestamp.ToString(), nonce);
        return JsonSerializer.Serialize(new { keyName = key[..colon], timestamp, nonce, mac });
    }

    private Key FromKey(string? text)
    {
        var colon = text?.IndexOf(':', StringComparison.Ordinal) ?? -1;
        if (colon < 0 || !keys.TryGetValue(text![..colon], out var key) || !string.Equals(
            key.Secret, text[(colon + 1)..], StringComparison.Ordinal))
        {
            throw Unauthorised(40101, "the credentials are not valid");
        }

        return key.IsRevoked ? throw Unauthorised(40131, "the key is revoked") : key;
    }

    private Key FromSignature(string keyName, JsonElement request)
    {
        if (!keys.TryGetValue(keyName, out var key) || key.IsRevoked)
        {
            throw Unauthorised(40101, "the credentials are not valid");
        }

        var mac = Sign(
            key.Secret, keyName, Text(request, "ttl") ?? "", Text(request, "capability") ?? "", Text(request, "clientId") ?? "",
            Text(request, "timestamp") ?? "", Text(request, "nonce") ?? "");
        return string.Equals(mac, Text(request, "mac"), StringComparison.Ordinal) ? key : throw Unauthorised(
            40101, "the signature does not fit");
    }

    private Capability FromToken(string text)
    {
        if (!tokens.TryGetValue(text, out var token) && !(Decode(text) is { } decoded && tokens.TryGetValue(decoded, out token)))
        {
            throw Unauthorised(40143, "the token is not known");
        }

        return token.IsRevoked ? throw Unauthorised(40141, "the token is revoked")
            : token.Expires <= options.Time.GetUtcNow() ? throw Unauthorised(40142, "the token has expired")
            : token.Capability;
    }

    private static string Sign(string secret, params string[] fields) =>
        Convert.ToBase64String(HMACSHA256.HashData(
            Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(string.Concat(fields.Select(field => field + "\n")))));

    /// <summary>Reads a number, which may be sent as text.</summary>
    private static string? Text(JsonElement request, string member) =>
        !request.TryGetProperty(member, out var value) ? null
        : value.ValueKind is JsonValueKind.String ? value.GetString()
        : value.GetRawText();

    private static string? Decode(string base64)
    {
        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out var written) ? Encoding.UTF8.GetString(bytes, 0, written) : null;
    }

    private static AblyException Unauthorised(int code, string message) => new(new AblyError(401, code, message));
}
