using System.ComponentModel.DataAnnotations;

namespace SyncEngine.Server.Options;

/// <summary>Keys and roles of callers. Any of the four keys turns authentication on; several may be given side by side.</summary>
sealed record AuthenticationOptions
{
    public const string Section = "SyncEngine:Authentication";

    /// <summary>The shared secret of HS256 tokens, as text or <c>base64:…</c>; 16 bytes at least, 32 recommended. Default: none.</summary>
    public string? Secret { get; init; }

    /// <summary>The PEM of a public key or certificate: RSA of 2048 bits or more for RS256, P-256 for ES256. Default: none.</summary>
    public string? PublicKey { get; init; }

    /// <summary>
    /// A JSON Web Key Set, as JSON text, a file or a URL (https, or http on loopback). Files and URLs are read again. Default: none.
    /// </summary>
    public string? Jwks { get; init; }

    /// <summary>An OpenID issuer whose discovery document names the keys; tokens must then be of this issuer. Default: none.</summary>
    public string? Authority { get; init; }

    /// <summary>The required <c>iss</c>. Default: the <see cref="Authority"/>, else not checked.</summary>
    public string? Issuer { get; init; }

    /// <summary>The <c>aud</c> that a token must have, alone or in a list. Default: not checked.</summary>
    public string? Audience { get; init; }

    /// <summary>The most by which the issuer's clock may differ from ours. Default 0 s.</summary>
    [Range(typeof(TimeSpan), "0 s", "10 min")]
    public TimeSpan ClockSkew { get; init; }

    /// <summary>
    /// The claim that names the PostgreSQL role: a claim of that name, else, with dots, a member of nested objects. Default <c>role</c>.
    /// </summary>
    public string RoleClaim { get; init; } = "role";

    /// <summary>The role of tokens without one. Default: none, such tokens are refused.</summary>
    public string? DefaultRole { get; init; }

    /// <summary>The role of callers without a token. Default: none, such callers are refused.</summary>
    public string? AnonymousRole { get; init; }

    /// <summary>Refuse tokens without <c>exp</c>, which otherwise never expire. Default false.</summary>
    public bool RequireExpiry { get; init; }

    /// <summary>Without any key, admit every caller as the engine's own role, from any machine. Default false.</summary>
    public bool Disabled { get; init; }

    public bool HasKey => ((string?[])[Secret, PublicKey, Jwks, Authority]).Any(key => !string.IsNullOrWhiteSpace(key));

    /// <summary>Authentication is off: there is neither a key nor a role for callers without a token.</summary>
    public bool IsOff => !HasKey && string.IsNullOrWhiteSpace(AnonymousRole);
}
