using System.IdentityModel.Tokens.Jwt;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Authentication;

/// <summary>From a token to the principal it stands for, or the reason why not. One door for HTTP, sockets and the hub.</summary>
/// <remarks>
/// The signature is checked by JwtSecurityTokenHandler, with a key that has one algorithm of its own; everything else is checked here, on the same
/// injected clock as the rest of the engine. A token without <c>exp</c> never expires, as with PostgREST, unless RequireExpiry is set.
/// </remarks>
sealed class TokenValidator(AuthenticationOptions options, KeyRing keys, IRoleCheck roles, TimeProvider time)
{
    private static readonly string[] passing = ["exp", "iat", "nbf", "jti"];

    private readonly JwtSecurityTokenHandler handler = new() { MapInboundClaims = false };

    /// <exception cref="SyncException"><c>unauthenticated</c>, <c>token_expired</c>, or <c>permission_denied</c> when the token is good and its role is not.</exception>
    public async ValueTask<Principal> ValidateAsync(string token, CancellationToken cancellationToken)
    {
        var text = TokenText.Parse(token);
        var candidates = await keys.FindAsync(text.Algorithm, text.KeyId, cancellationToken);
        if (!candidates.Any(candidate => IsSignedBy(candidate, token)))
        {
            throw TokenText.Refused(candidates.Count == 0 ? "no key fits its algorithm and key id" : "its signature is wrong");
        }

        CheckOrigin(text);
        var expiresAt = CheckTime(text);
        var role = RoleOf(text.Claims) ?? options.DefaultRole
            ?? throw new SyncException(ErrorCode.PermissionDenied, $"the token has no claim \"{options.RoleClaim}\" that names a role", hint: "Issue tokens with a role, or set SyncEngine:Authentication:DefaultRole.");
        await CheckRoleAsync(role, cancellationToken);
        return new Principal(
            TokenText.TextOf(text.Claims, "iss"),
            TokenText.TextOf(text.Claims, "sub") ?? SubjectOf(text.Claims),
            role,
            text.Payload,
            expiresAt);
    }

    /// <exception cref="SyncException"><c>permission_denied</c>, which names the reason.</exception>
    public async ValueTask CheckRoleAsync(string role, CancellationToken cancellationToken)
    {
        var status = await roles.CheckAsync(role, cancellationToken);
        var why = status switch
        {
            RoleStatus.Usable => null,
            RoleStatus.Unknown => "does not exist",
            RoleStatus.NotGranted => "is not granted to the engine",
            RoleStatus.Superuser => "is a superuser, which no policy binds",
            RoleStatus.BypassesRowSecurity => "bypasses row-level security",
            _ => throw new System.Diagnostics.UnreachableException(),
        };
        if (why is not null)
        {
            throw new SyncException(ErrorCode.PermissionDenied, $"the role \"{role}\" {why}");
        }
    }

    private bool IsSignedBy(VerificationKey candidate, string token)
    {
        var parameters = new TokenValidationParameters
        {
            IssuerSigningKey = candidate.Key,
            CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false },
            RequireSignedTokens = true,
            ValidateIssuer = false,
            ValidateAudience = false,
            ValidateLifetime = false,
        };
        try
        {
            handler.ValidateToken(token, parameters, out var validated);
            return string.Equals(((JwtSecurityToken)validated).SignatureAlgorithm, candidate.Algorithm, StringComparison.Ordinal);
        }
        catch (Exception exception) when (exception is SecurityTokenException or ArgumentException or CryptographicException or NotSupportedException or InvalidOperationException)
        {
            return false;
        }
    }

    private void CheckOrigin(TokenText text)
    {
        var issuer = TokenText.TextOf(text.Claims, "iss");
        var isExpected = !string.IsNullOrWhiteSpace(options.Issuer) ? string.Equals(issuer, options.Issuer, StringComparison.Ordinal)
            : string.IsNullOrWhiteSpace(options.Authority) || string.Equals(issuer?.TrimEnd('/'), options.Authority.TrimEnd('/'), StringComparison.Ordinal);
        if (!isExpected)
        {
            throw TokenText.Refused("it is of another issuer");
        }

        if (!string.IsNullOrWhiteSpace(options.Audience) && !IsFor(text.Claims, options.Audience))
        {
            throw TokenText.Refused("it is for another audience");
        }
    }

    private static bool IsFor(JsonElement claims, string audience) => claims.TryGetProperty("aud", out var named) && named.ValueKind switch
    {
        JsonValueKind.String => named.ValueEquals(audience),
        JsonValueKind.Array => named.EnumerateArray().Any(one => one.ValueKind == JsonValueKind.String && one.ValueEquals(audience)),
        _ => false,
    };

    private DateTimeOffset? CheckTime(TokenText text)
    {
        var now = time.GetUtcNow();
        var expiresAt = text.DateOf("exp") + options.ClockSkew;
        if (expiresAt is null && options.RequireExpiry)
        {
            throw TokenText.Refused("it never expires");
        }

        if (expiresAt <= now)
        {
            throw new SyncException(ErrorCode.TokenExpired, "the token has expired", hint: "Send a newer one.");
        }

        return text.DateOf("nbf") - options.ClockSkew > now || text.DateOf("iat") - options.ClockSkew > now
            ? throw TokenText.Refused("it is not valid yet")
            : expiresAt;
    }

    private string? RoleOf(JsonElement claims)
    {
        if (!claims.TryGetProperty(options.RoleClaim, out var role))
        {
            role = claims;
            foreach (var member in options.RoleClaim.Split('.'))
            {
                if (role.ValueKind != JsonValueKind.Object || !role.TryGetProperty(member, out role))
                {
                    return null;
                }
            }
        }

        return role.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.String when role.GetString() is { Length: > 0 } name => name,
            _ => throw new SyncException(ErrorCode.PermissionDenied, $"the token's claim \"{options.RoleClaim}\" does not name a role"),
        };
    }

    /// <summary>Without <c>sub</c>, whoever has the same claims is the same: two callers with one role must not share subscriptions otherwise.</summary>
    private static string SubjectOf(JsonElement claims)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var claim in claims.EnumerateObject().Where(claim => !passing.Contains(claim.Name, StringComparer.Ordinal)).OrderBy(claim => claim.Name, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{JsonSerializer.Serialize(claim.Name)}:{claim.Value.GetRawText()},"));
        }

        return $"claims:{Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }
}
