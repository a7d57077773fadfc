using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using AuthenticationOptions = SyncEngine.Server.Options.AuthenticationOptions;

namespace SyncEngine.Server.Authentication;

/// <summary>The one mapping from what a scheme of ASP.NET Core has authenticated to the principal that queries run as.</summary>
/// <remarks>
/// The claims of a token are its payload, unchanged. For any other scheme they are made from the identity: one member per claim type, with
/// an array where a type occurs several times. Role, issuer and subject are read from these claims in the same way for all schemes.
/// </remarks>
sealed class PrincipalMapping(AuthenticationOptions options, IRoleCheck roles)
{
    // These change when a token is refreshed.
    private static readonly string[] transientClaims = ["exp", "iat", "nbf", "jti"];

    /// <summary>The claims of anonymous callers, as with PostgREST, so that a policy can always read the setting as JSON.</summary>
    private readonly Principal? anonymous = string.IsNullOrWhiteSpace(options.AnonymousRole)
        ? null
        : new Principal(null, null, options.AnonymousRole, JsonSerializer.Serialize(new { role = options.AnonymousRole }), null);

    /// <param name="expiresAt">The end of the scheme's ticket; for a token its own <c>exp</c> counts.</param>
    /// <exception cref="SyncException"><c>permission_denied</c> when there is no role, or the engine may not take it.</exception>
    public async ValueTask<Principal> MapAsync(ClaimsPrincipal user, DateTimeOffset? expiresAt, CancellationToken cancellationToken)
    {
        if (user.Identity is EngineIdentity)
        {
            return Principal.Engine;
        }

        var (payload, claims, end) = user.Identity is ClaimsIdentity { BootstrapContext: TokenText token }
            ? (token.Payload, token.Claims, token.ExpiresAt + options.ClockSkew)
            : (null, ToJson(user.Claims), expiresAt);
        var role = RoleOf(claims) ?? options.DefaultRole ?? throw new SyncException(
            ErrorCode.PermissionDenied,
            $"the token has no claim \"{options.RoleClaim}\" that names a role",
            hint: $"Issue tokens with a role, or set {AuthenticationOptions.Section}:{nameof(AuthenticationOptions.DefaultRole)}.");
        await CheckRoleAsync(role, cancellationToken);
        return new Principal(
            TextOf(claims, "iss"),
            TextOf(claims, "sub") ?? TextOf(claims, ClaimTypes.NameIdentifier) ?? DigestOf(claims),
            role,
            payload ?? claims.GetRawText(),
            end);
    }

    /// <summary>The principal of callers without credentials; null when there is no role for them.</summary>
    /// <exception cref="SyncException"><c>permission_denied</c> when the engine may not take the role.</exception>
    public async ValueTask<Principal?> AnonymousAsync(CancellationToken cancellationToken)
    {
        if (anonymous is not null)
        {
            await CheckRoleAsync(anonymous.Role!, cancellationToken);
        }

        return anonymous;
    }

    private async ValueTask CheckRoleAsync(string role, CancellationToken cancellationToken)
    {
        var reason = await roles.CheckAsync(role, cancellationToken) switch
        {
            RoleStatus.Usable => null,
            RoleStatus.Unknown => "does not exist",
            RoleStatus.NotGranted => "is not granted to the engine",
            RoleStatus.Superuser => "is a superuser, which no policy binds",
            RoleStatus.BypassesRowSecurity => "bypasses row-level security",
            _ => throw new System.Diagnostics.UnreachableException(),
        };
        if (reason is not null)
        {
            throw new SyncException(ErrorCode.PermissionDenied, $"the role \"{role}\" {reason}");
        }
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

    private static string? TextOf(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>The subject of claims without one. Two callers who have only their role in common must not share subscriptions.</summary>
    private static string DigestOf(JsonElement claims)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var lasting = claims.EnumerateObject().Where(claim => !transientClaims.Contains(claim.Name, StringComparer.Ordinal));
        foreach (var claim in lasting.OrderBy(claim => claim.Name, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{JsonSerializer.Serialize(claim.Name)}:{claim.Value.GetRawText()},"));
        }

        return $"claims:{Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }

    private static JsonElement ToJson(IEnumerable<Claim> claims) => JsonSerializer.SerializeToElement(claims
        .GroupBy(claim => claim.Type, StringComparer.Ordinal)
        .ToDictionary(
            type => type.Key,
            type => type.Count() == 1 ? ToJson(type.First()) : JsonSerializer.SerializeToElement(type.Select(ToJson)),
            StringComparer.Ordinal));

    private static JsonElement ToJson(Claim claim) => claim.ValueType switch
    {
        ClaimValueTypes.Boolean when bool.TryParse(claim.Value, out var truth) => JsonSerializer.SerializeToElement(truth),
        ClaimValueTypes.Integer or ClaimValueTypes.Integer32 or ClaimValueTypes.Integer64
            when long.TryParse(claim.Value, CultureInfo.InvariantCulture, out var number) => JsonSerializer.SerializeToElement(number),
        _ => JsonSerializer.SerializeToElement(claim.Value),
    };
}
