using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using SyncEngine.Errors;
using AuthenticationOptions = SyncEngine.Server.Options.AuthenticationOptions;

namespace SyncEngine.Server.Authentication;

/// <summary>The JWT library's handler with the checks that it lacks before it, and reasons that a caller may read after it.</summary>
/// <remarks>
/// The library checks signature, issuer and audience. Added here: the strict reading of <see cref="TokenText"/>, keys that verify one
/// algorithm each, and dates on the injected clock. A token without <c>exp</c> never expires, unless RequireExpiry is set.
/// </remarks>
sealed class StrictTokenHandler : JsonWebTokenHandler
{
    private readonly AuthenticationOptions options;
    private readonly KeyRing keys;
    private readonly TimeProvider time;

    public StrictTokenHandler(AuthenticationOptions options, KeyRing keys, TimeProvider time)
    {
        (this.options, this.keys, this.time) = (options, keys, time);
        MapInboundClaims = false;
    }

    /// <summary>The settings that <see cref="ValidateTokenAsync"/> expects.</summary>
    public static TokenValidationParameters ParametersOf(AuthenticationOptions options, KeyRing keys)
    {
        var issuers = IssuersOf(options);
        return new TokenValidationParameters
        {
            ConfigurationManager = keys,
            // Keys come from KeyRing.Find alone, which binds each to its algorithm.
            TryAllIssuerSigningKeys = false,
            ValidAlgorithms = VerificationKey.Algorithms,
            RequireSignedTokens = true,
            ValidateIssuer = issuers.Length > 0,
            ValidIssuers = issuers,
            ValidateAudience = !string.IsNullOrWhiteSpace(options.Audience),
            ValidAudience = options.Audience,
            IgnoreTrailingSlashWhenValidatingAudience = false,
            // Required by our own check of the dates, and only when configured.
            RequireExpirationTime = false,
        };
    }

    /// <returns>A result whose identity carries the <see cref="TokenText"/>, or whose exception is a <see cref="SyncException"/>.</returns>
    public override async Task<TokenValidationResult> ValidateTokenAsync(string token, TokenValidationParameters validationParameters)
    {
        try
        {
            var text = TokenText.Parse(token);
            var parameters = validationParameters.Clone();
            parameters.IssuerSigningKeyResolverUsingConfiguration =
                (_, _, _, _, configuration) => keys.Find(text.Algorithm, text.KeyId, configuration);
            parameters.LifetimeValidator = (_, _, _, _) => CheckDates(text);
            var result = await base.ValidateTokenAsync(token, parameters);
            if (!result.IsValid)
            {
                return Refused(RefusalOf(result.Exception));
            }

            result.ClaimsIdentity.BootstrapContext = text;
            return result;
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            // The library throws on some payloads, as on an "iss" that is null.
            return Refused(RefusalOf(failure));
        }
    }

    /// <summary>The issuers that a token may have; empty for any.</summary>
    private static string[] IssuersOf(AuthenticationOptions options) =>
        !string.IsNullOrWhiteSpace(options.Issuer) ? [options.Issuer]
        : !string.IsNullOrWhiteSpace(options.Authority) ? [options.Authority.TrimEnd('/'), options.Authority.TrimEnd('/') + "/"]
        : [];

    private static TokenValidationResult Refused(SyncException refusal) => new() { IsValid = false, Exception = refusal };

    private bool CheckDates(TokenText text)
    {
        var now = time.GetUtcNow();
        if (text.ExpiresAt is null && options.RequireExpiry)
        {
            throw TokenText.Refused("it never expires");
        }

        if (text.ExpiresAt + options.ClockSkew <= now)
        {
            throw new SyncException(ErrorCode.TokenExpired, "the token has expired", hint: "Send a newer one.");
        }

        return text.NotBefore - options.ClockSkew > now || text.IssuedAt - options.ClockSkew > now
            ? throw TokenText.Refused("it is not valid yet")
            : true;
    }

    private SyncException RefusalOf(Exception? failure) => failure switch
    {
        SyncException refusal => refusal,
        SecurityTokenInvalidIssuerException => TokenText.Refused("it is of another issuer"),
        SecurityTokenInvalidAudienceException => TokenText.Refused("it is for another audience"),
        SecurityTokenInvalidSignatureException or SecurityTokenSignatureKeyNotFoundException when keys.IsUnavailable => new SyncException(
            ErrorCode.SourceUnavailable,
            "the keys that tokens are verified with cannot be read at present",
            hint: "Try again in a moment."),
        SecurityTokenSignatureKeyNotFoundException => TokenText.Refused("no key fits its algorithm, key id and signature"),
        SecurityTokenInvalidSignatureException => TokenText.Refused("its signature is wrong"),
        _ => TokenText.Refused("it is not a valid JSON Web Token"),
    };
}
