using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using SyncEngine.Connectors.Targets;

namespace SyncEngine.Connectors.Ably;

/// <summary>The credentials of requests: the key itself, a configured token, or tokens that are obtained and renewed.</summary>
/// <remarks>
/// A token is renewed when a tenth of its life is left, and when Ably refuses it. Requests that need it meanwhile wait for the same
/// renewal.
/// A life counts from receipt, so that a wrong clock does no harm. Stored: the token, in memory.
/// </remarks>
sealed class AblyCredentials(AblyOptions options, AblyHttp http, TimeProvider time, ILogger logger, CancellationToken lifetime)
{
    private const int TokenCallbackFailed = 40170;
    private const int MaxTokenCharacters = 128 * 1024;

    private readonly Lock access = new(); // requests run beside each other
    private readonly AuthenticationHeaderValue? basic =
        options.Key is { Length: > 0 } key ? new AuthenticationHeaderValue("Basic", Base64(key)) : null;
    private readonly AuthenticationHeaderValue? literal =
        options.Token is { Length: > 0 } token ? new AuthenticationHeaderValue("Bearer", Base64(token)) : null;
    private Token? current;
    private Task<Token>? renewal;
    private TimeSpan clockOffset;

    private sealed record Token(string Text, AuthenticationHeaderValue Header, DateTimeOffset? RenewAt);

    /// <summary>True when a refused token can be replaced by another one.</summary>
    public bool CanRenew => basic is null ? literal is null : options.UseTokens;

    /// <exception cref="AblyRefusedException">No token can be obtained.</exception>
    public async ValueTask<AuthenticationHeaderValue> GetAsync(CancellationToken cancellationToken)
    {
        if (!CanRenew)
        {
            return basic ?? literal!;
        }

        Task<Token> obtaining;
        lock (access)
        {
            if (current is { } known && (known.RenewAt is not { } due || time.GetUtcNow() < due))
            {
                return known.Header;
            }

            obtaining = renewal ??= RenewAsync();
        }

        return (await obtaining.WaitAsync(cancellationToken)).Header;
    }

    /// <summary>Forgets a token that Ably refused. Unless it was replaced already, the next call obtains another.</summary>
    public void Forget(AuthenticationHeaderValue refused)
    {
        lock (access)
        {
            if (ReferenceEquals(current?.Header, refused))
            {
                current = null;
            }
        }
    }

    /// <summary>
    /// Checks, without publishing, that Ably answers and accepts the credentials. For a configured token it checks only that Ably answers.
    /// </summary>
    /// <exception cref="AblyRefusedException">One of them fails.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        if (basic is not null && !CanRenew)
        {
            await RequestTokenAsync(cancellationToken);
            return;
        }

        await GetAsync(cancellationToken);
        await ReadTimeAsync(cancellationToken);
    }

    /// <summary>Replaces the secrets that a text may repeat.</summary>
    public string Mask(string text)
    {
        foreach (var secret in new[] { options.Key?.Split(':', 2)[^1], options.Token, current?.Text })
        {
            text = secret is { Length: >= 4 } ? text.Replace(secret, "…", StringComparison.Ordinal) : text;
        }

        return text;
    }

    private async Task<Token> RenewAsync()
    {
        await Task.Yield(); // leaves the caller's lock first
        try
        {
            var token = basic is null ? await AskAuthUrlAsync() : await RequestTokenAsync(lifetime);
            lock (access)
            {
                current = token;
            }

            Log.TokenRenewed(logger);
            return token;
        }
        finally
        {
            lock (access)
            {
                renewal = null;
            }
        }
    }

    private async Task<Token> RequestTokenAsync(CancellationToken cancellationToken)
    {
        var keyName = options.Key!.Split(':', 2)[0];
        var answer = await http.SendAsync(HttpMethod.Post, TokenPath(keyName), TokenRequest(keyName), basic, cancellationToken);
        if (answer.Code == AblyErrors.TimestampNotCurrent)
        {
            clockOffset = await ReadTimeAsync(cancellationToken) - time.GetUtcNow();
            answer = await http.SendAsync(HttpMethod.Post, TokenPath(keyName), TokenRequest(keyName), basic, cancellationToken);
        }

        return ReadDetails(answer);
    }

    private byte[] TokenRequest(string keyName)
    {
        var request = new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["keyName"] = keyName,
            ["timestamp"] = (time.GetUtcNow() + clockOffset).ToUnixTimeMilliseconds(),
            ["nonce"] = RandomNumberGenerator.GetHexString(32, lowercase: true),
        };
        return JsonSerializer.SerializeToUtf8Bytes(request);
    }

    private async Task<DateTimeOffset> ReadTimeAsync(CancellationToken cancellationToken)
    {
        var answer = await http.SendAsync(HttpMethod.Get, "/time", body: null, authorization: null, cancellationToken);
        using var document = answer.IsSuccess ? answer.Parse() : null;
        return document?.RootElement is { ValueKind: JsonValueKind.Array } times
            && times.GetArrayLength() == 1 && times[0].TryGetInt64(out var milliseconds)
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
            : throw new AblyRefusedException(AblyErrors.Classify(answer));
    }

    /// <summary>
    /// Asks the application's own address for a token: text, a TokenDetails, or a signed TokenRequest that Ably exchanges for a token.
    /// </summary>
    private async Task<Token> AskAuthUrlAsync()
    {
        var answer = await http.GetAsync(new Uri(options.AuthUrl!), lifetime);
        if (answer.Status is < 200 or > 299)
        {
            var kind = answer.Status is 408 or 429 or >= 500 ? RefusalKind.Retry : RefusalKind.Pause;
            throw new AblyRefusedException(
                new Refusal(kind, $"{TokenCallbackFailed}", $"the address for tokens answered HTTP {answer.Status}", answer.RetryAfter));
        }

        if (answer.MediaType is "text/plain" or "application/jwt")
        {
            return From(Encoding.UTF8.GetString(answer.Body.Span).Trim(), life: null);
        }

        using var document = answer.IsJson ? answer.Parse() : null;
        if (document?.RootElement is not { ValueKind: JsonValueKind.Object } given)
        {
            throw Unusable();
        }

        var isRequest = given.TryGetProperty("mac", out _);
        return isRequest && given.TryGetProperty("keyName", out var keyName) && keyName.ValueKind is JsonValueKind.String
            ? ReadDetails(
                await http.SendAsync(HttpMethod.Post, TokenPath(keyName.GetString()!), answer.Body, authorization: null, lifetime))
            : ReadDetails(given);
    }

    private Token ReadDetails(AblyAnswer answer)
    {
        using var document = answer.IsSuccess ? answer.Parse() : null;
        if (document?.RootElement is { ValueKind: JsonValueKind.Object } details && AblyAnswer.IsText(details, "token"))
        {
            return ReadDetails(details);
        }

        var refusal = AblyErrors.Classify(answer);
        // No message is the cause.
        throw new AblyRefusedException(
            refusal.Kind is RefusalKind.Never or RefusalKind.Uncertain ? refusal with { Kind = RefusalKind.Pause } : refusal);
    }

    private Token ReadDetails(JsonElement details)
    {
        if (!details.TryGetProperty("token", out var text) || text.ValueKind is not JsonValueKind.String)
        {
            throw Unusable();
        }

        return details.TryGetProperty("issued", out var issued) && details.TryGetProperty("expires", out var expires)
            && issued.ValueKind is JsonValueKind.Number && issued.TryGetInt64(out var from)
            && expires.ValueKind is JsonValueKind.Number && expires.TryGetInt64(out var until) && until > from
            ? From(text.GetString()!, TimeSpan.FromMilliseconds(until - from))
            : From(text.GetString()!, life: null);
    }

    private Token From(string text, TimeSpan? life) =>
        text is { Length: > 0 and <= MaxTokenCharacters } && !text.Any(
            character => char.IsWhiteSpace(character) || char.IsControl(character))
            ? new Token(
                text, new AuthenticationHeaderValue("Bearer", Base64(text)), life is { } known ? time.GetUtcNow() + known * 0.9 : null)
            : throw Unusable();

    private static string TokenPath(string keyName) => $"/keys/{Uri.EscapeDataString(keyName)}/requestToken";

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static AblyRefusedException Unusable() => new(
        new Refusal(
            RefusalKind.Pause, $"{TokenCallbackFailed}",
            "the answer to a request for a token is neither a token, nor a TokenDetails, nor a TokenRequest"));
}
