using System.Text.Json;
using SyncEngine.Errors;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Authentication;

/// <summary>Reads all keys of a source that can change.</summary>
delegate Task<IReadOnlyList<VerificationKey>> KeyFetch(CancellationToken cancellationToken);

/// <summary>
/// The keys that tokens are verified with: those of the configuration, and those of a file or an endpoint, which are read again every
/// <see cref="refreshInterval"/> and when a token names one that is not known.
/// </summary>
/// <remarks>
/// Lifecycle: lives as long as the host. Backpressure: one fetch at a time, one per <see cref="leastPause"/>, others wait for it.
/// Stored: the keys last read, used while the endpoint does not answer, up to <see cref="longestUse"/>. After a crash: read again; until then tokens are
/// answered with source_unavailable, never accepted.
/// </remarks>
sealed partial class KeyRing(IReadOnlyList<VerificationKey> fixedKeys, KeyFetch? fetch, TimeProvider time, ILogger<KeyRing> logger) : IDisposable
{
    private static readonly TimeSpan refreshInterval = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan leastPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan longestUse = TimeSpan.FromHours(24);

    private readonly SemaphoreSlim gate = new(1);
    private volatile Fetched? fetched;
    private DateTimeOffset lastAttempt = DateTimeOffset.MinValue;

    private sealed record Fetched(IReadOnlyList<VerificationKey> Keys, DateTimeOffset At);

    /// <summary>The keys that may have signed a token with this algorithm and key id.</summary>
    public async ValueTask<IReadOnlyList<VerificationKey>> FindAsync(string algorithm, string? keyId, CancellationToken cancellationToken)
    {
        if (fetch is null)
        {
            return Fitting(fixedKeys, algorithm, keyId);
        }

        var now = time.GetUtcNow();
        if (fetched is not { } known || now - known.At > refreshInterval)
        {
            await RefreshAsync(cancellationToken);
        }

        if (Fitting(All(), algorithm, keyId) is { Count: > 0 } fitting)
        {
            return fitting;
        }

        await RefreshAsync(cancellationToken);
        if (fetched is null || now - fetched.At > longestUse)
        {
            throw new SyncException(ErrorCode.SourceUnavailable, "the keys that tokens are verified with cannot be read at present", hint: "Try again in a moment.");
        }

        return Fitting(All(), algorithm, keyId);
    }

    public void Dispose() => gate.Dispose();

    private IReadOnlyList<VerificationKey> All() =>
        fetched is { } known && time.GetUtcNow() - known.At <= longestUse ? [.. fixedKeys, .. known.Keys] : fixedKeys;

    private static List<VerificationKey> Fitting(IReadOnlyList<VerificationKey> keys, string algorithm, string? keyId) =>
        [.. keys.Where(key => string.Equals(key.Algorithm, algorithm, StringComparison.Ordinal) && (keyId is null || key.Id is null || string.Equals(key.Id, keyId, StringComparison.Ordinal)))];

    private async Task RefreshAsync(CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            var now = time.GetUtcNow();
            if (now - lastAttempt < leastPause)
            {
                return;
            }

            lastAttempt = now;
            fetched = new Fetched(await fetch!(cancellationToken), now);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or UnauthorizedAccessException or FormatException or JsonException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Log.KeysNotRead(logger, exception.Message);
        }
        finally
        {
            gate.Release();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1101, LogLevel.Warning, "The keys that tokens are verified with cannot be read: {Reason}")]
        public static partial void KeysNotRead(ILogger logger, string reason);
    }
}

/// <summary>Reads the keys that the options name.</summary>
static class KeySources
{
    private const int MaxDocumentBytes = 512 * 1024;

    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(5);

    public static IReadOnlyList<VerificationKey> Fixed(AuthenticationOptions options)
    {
        var keys = new List<VerificationKey>();
        if (!string.IsNullOrWhiteSpace(options.Secret))
        {
            keys.Add(VerificationKey.FromSecret(options.Secret));
        }

        if (!string.IsNullOrWhiteSpace(options.PublicKey))
        {
            keys.Add(VerificationKey.FromPem(options.PublicKey));
        }

        if (options.Jwks is { } jwks && IsText(jwks))
        {
            keys.AddRange(KeySet(jwks));
        }

        return keys;
    }

    /// <summary>Null when all keys are fixed. A file is read once here, so that a wrong one is told at start.</summary>
    public static KeyFetch? Changing(AuthenticationOptions options, HttpClient http)
    {
        List<KeyFetch> sources = [];
        if (!string.IsNullOrWhiteSpace(options.Jwks) && !IsText(options.Jwks))
        {
            sources.Add(IsUrl(options.Jwks)
                ? FromUrl(Address(options.Jwks, nameof(options.Jwks)), http)
                : FromFile(options.Jwks));
        }

        if (!string.IsNullOrWhiteSpace(options.Authority))
        {
            sources.Add(FromAuthority(Address(options.Authority, nameof(options.Authority)), http));
        }

        return sources.Count == 0 ? null : async cancellationToken =>
        {
            List<VerificationKey> keys = [];
            foreach (var source in sources)
            {
                keys.AddRange(await source(cancellationToken));
            }

            return keys;
        };
    }

    /// <summary>Answers are bounded in size and time, and redirects are not followed: only the address that the operator wrote is asked.</summary>
    public static HttpClient CreateClient() =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = timeout, MaxResponseContentBufferSize = MaxDocumentBytes };

    private static KeyFetch FromUrl(Uri address, HttpClient http) =>
        async cancellationToken => VerificationKey.FromKeySet(await http.GetStringAsync(address, cancellationToken));

    private static KeyFetch FromFile(string path)
    {
        try
        {
            KeySet(File.ReadAllText(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"SyncEngine:Authentication:Jwks is neither JSON nor a URL, and the file \"{path}\" cannot be read", exception);
        }

        return async cancellationToken => VerificationKey.FromKeySet(await File.ReadAllTextAsync(path, cancellationToken));
    }

    private static KeyFetch FromAuthority(Uri authority, HttpClient http) => async cancellationToken =>
    {
        var discovery = new Uri($"{authority.AbsoluteUri.TrimEnd('/')}/.well-known/openid-configuration");
        using var document = JsonDocument.Parse(await http.GetStringAsync(discovery, cancellationToken));
        var issuer = document.RootElement.TryGetProperty("issuer", out var named) ? named.GetString() : null;
        var keys = document.RootElement.TryGetProperty("jwks_uri", out var uri) ? uri.GetString() : null;
        if (issuer is null || !string.Equals(issuer.TrimEnd('/'), authority.AbsoluteUri.TrimEnd('/'), StringComparison.Ordinal))
        {
            throw new FormatException($"the discovery document of {authority} names another issuer");
        }

        return keys is not null && Uri.TryCreate(keys, UriKind.Absolute, out var address) && IsTrusted(address)
            ? VerificationKey.FromKeySet(await http.GetStringAsync(address, cancellationToken))
            : throw new FormatException($"the discovery document of {authority} names no jwks_uri with https");
    };

    private static bool IsText(string jwks) => jwks.AsSpan().TrimStart().StartsWith("{");

    private static bool IsUrl(string jwks) => jwks.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || jwks.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    private static bool IsTrusted(Uri address) => address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback);

    private static Uri Address(string text, string option) => Uri.TryCreate(text, UriKind.Absolute, out var address) && IsTrusted(address)
        ? address
        : throw new OperatorException($"SyncEngine:Authentication:{option} must be a URL with https (http on loopback only)");

    private static IReadOnlyList<VerificationKey> KeySet(string json)
    {
        try
        {
            return VerificationKey.FromKeySet(json) is { Count: > 0 } keys
                ? keys
                : throw new OperatorException("SyncEngine:Authentication:Jwks holds no key for HS256, RS256 or ES256");
        }
        catch (FormatException exception)
        {
            throw new OperatorException("SyncEngine:Authentication:Jwks is not a JSON Web Key Set", exception);
        }
    }
}
