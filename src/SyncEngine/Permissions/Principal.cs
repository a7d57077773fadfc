namespace SyncEngine.Permissions;

/// <summary>The caller on whose behalf queries run. Two tokens of the same issuer, subject and role are the same principal.</summary>
/// <param name="Role">The PostgreSQL role that queries run as; null for the engine's own.</param>
/// <param name="Claims">
/// The token's payload as JSON, given to policies as <c>request.jwt.claims</c>; null without a token (policies then read <c>{}</c>).
/// </param>
/// <param name="ExpiresAt">The end of the token's validity; null for never.</param>
public sealed record Principal(string? Issuer, string? Subject, string? Role, string? Claims, DateTimeOffset? ExpiresAt)
{
    /// <summary>The engine's own role: authentication is off.</summary>
    public static readonly Principal Engine = new(null, null, null, null, null);

    public bool IsSameAs(Principal other) => (Issuer, Subject, Role) == (other.Issuer, other.Subject, other.Role);
}
