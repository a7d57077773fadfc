using System.Collections.Immutable;
using SyncEngine.Errors;
using SyncEngine.Permissions;

namespace SyncEngine.Postgres.Sessions;

/// <summary>The settings of every statement that runs for a subscriber's query.</summary>
public sealed record QuerySessionOptions
{
    /// <summary>The schemas in which unqualified names are resolved. Default <c>public</c>.</summary>
    public ImmutableArray<string> SearchPath { get; init; } = ["public"];

    /// <summary>The time after which PostgreSQL ends a statement (<c>query_timeout</c>). Default 10 s.</summary>
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>
/// The statements that put a transaction under a principal. All are SET LOCAL: they end with the transaction, take no snapshot,
/// and leave nothing behind in a pooled session.
/// </summary>
static class QuerySession
{
    /// <summary>Asks whether the transaction's role escapes policies by itself; to be run after the statements of the identity.</summary>
    public const string RoleEscapesPolicies = "SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user";

    public static string[] Limits(QuerySessionOptions options) =>
    [
        "SET LOCAL search_path TO " + string.Join(", ", options.SearchPath.Select(Quoting.Identifier)),
        $"SET LOCAL statement_timeout TO {Math.Max(1, (long)options.StatementTimeout.TotalMilliseconds)}",
    ];

    /// <exception cref="SyncException">permission_denied for names that PostgreSQL would not take for a role; invalid_request for claims it
    /// cannot hold.</exception>
    public static IEnumerable<string> Identity(Principal principal)
    {
        // Always set: once a session has had the setting, its absence reads as '' there and as NULL elsewhere.
        var claims = principal.Claims ?? "{}";
        if (claims.Contains('\0', StringComparison.Ordinal))
        {
            throw new SyncException(ErrorCode.InvalidRequest, "claims contain a NUL character");
        }

        yield return "SET LOCAL \"request.jwt.claims\" TO " + Quoting.Literal(claims);
        if (principal.Role is { } role)
        {
            // SET ROLE none means "the session's own role", which is the engine's.
            if (role is "" or "none" || role.Contains('\0', StringComparison.Ordinal))
            {
                throw NotTakeable(role);
            }

            yield return "SET LOCAL ROLE " + Quoting.Literal(role);
        }
    }

    public static SyncException NotTakeable(string? role, string? sqlState = null) =>
        new(
            ErrorCode.PermissionDenied,
            $"role \"{role}\" cannot be used",
            hint: "Grant the role to the engine's role, or name another one in the token.")
        { SqlState = sqlState };

    public static SyncException EscapesPolicies(string? role) =>
        new(ErrorCode.PermissionDenied, $"role \"{role}\" is a superuser or bypasses row-level security");
}
