using System.Text.Json;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Authentication;

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

    /// <summary>Null when all keys are fixed. A file is read once here, so that a wrong one ends the start.</summary>
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

    /// <summary>Answers are bounded in size and time, and redirects are not followed: only the configured address is asked.</summary>
    public static HttpClient CreateClient() => new(
        new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
    {
        Timeout = timeout,
        MaxResponseContentBufferSize = MaxDocumentBytes,
    };

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
            throw new OperatorException(
                $"SyncEngine:Authentication:Jwks is neither JSON nor a URL, and the file \"{path}\" cannot be read", exception);
        }

        return async cancellationToken => VerificationKey.FromKeySet(await File.ReadAllTextAsync(path, cancellationToken));
    }

    private static KeyFetch FromAuthority(Uri authority, HttpClient http) => async cancellationToken =>
    {
        var discovery = new Uri($"{authority.AbsoluteUri.TrimEnd('/')}/.well-known/openid-configuration");
        var document = DiscoveryDocument(await http.GetStringAsync(discovery, cancellationToken));
        if (!string.Equals(document.Issuer?.TrimEnd('/'), authority.AbsoluteUri.TrimEnd('/'), StringComparison.Ordinal))
        {
            throw new FormatException($"the discovery document of {authority} names another issuer");
        }

        return Uri.TryCreate(document.JwksUri, UriKind.Absolute, out var address) && IsTrusted(address)
            ? VerificationKey.FromKeySet(await http.GetStringAsync(address, cancellationToken))
            : throw new FormatException($"the discovery document of {authority} names no jwks_uri with https");
    };

    private static OpenIdConnectConfiguration DiscoveryDocument(string json)
    {
        try
        {
            return OpenIdConnectConfiguration.Create(json);
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or JsonException)
        {
            throw new FormatException("the discovery document is not JSON of OpenID Connect", exception);
        }
    }

    private static bool IsText(string jwks) => jwks.AsSpan().TrimStart().StartsWith("{");

    private static bool IsUrl(string jwks) =>
        jwks.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || jwks.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    private static bool IsTrusted(Uri address) =>
        address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback);

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
