using System.Net;
using System.Text.Json;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Authentication;

/// <summary>Decides who a caller is: by token, as anonymous, or, with authentication off, as the engine itself.</summary>
/// <param name="isEmbedded">The database is the engine's own embedded one, which holds nothing of anybody.</param>
sealed class CallerAuthenticator(AuthenticationOptions options, TokenValidator tokens, bool isEmbedded)
{
    /// <summary>The claims that anonymous callers have, as with PostgREST; a policy can always read the setting as JSON.</summary>
    private readonly Principal? anonymous = string.IsNullOrWhiteSpace(options.AnonymousRole) ? null
        : new Principal(null, null, options.AnonymousRole, JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal) { ["role"] = options.AnonymousRole }), null);

    /// <summary>Nobody is asked who they are: there is neither a key nor a role for callers without a token.</summary>
    public bool IsOff => !options.HasKey && anonymous is null;

    /// <exception cref="SyncException"><c>unauthenticated</c>, <c>token_expired</c> or <c>permission_denied</c>.</exception>
    public async ValueTask<Principal> AuthenticateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (IsOff)
        {
            return MayBeTheEngine(context) ? Principal.Engine : throw new SyncException(
                ErrorCode.Unauthenticated,
                "authentication is not configured, and this server then answers its own machine only",
                hint: "Configure a key under SyncEngine:Authentication, or set SyncEngine:Authentication:Disabled=true to let everybody in as the engine's own role.");
        }

        if (BearerToken.Of(context.Request) is { } token)
        {
            return await tokens.ValidateAsync(token, cancellationToken);
        }

        if (anonymous is null)
        {
            throw new SyncException(ErrorCode.Unauthenticated, "a token is missing", hint: "Send \"Authorization: Bearer …\", or access_token in the query of a socket.");
        }

        await tokens.CheckRoleAsync(anonymous.Role!, cancellationToken);
        return anonymous;
    }

    /// <summary>A token that came by itself, as on a connection that is already open.</summary>
    public ValueTask<Principal> AuthenticateAsync(string token, CancellationToken cancellationToken) =>
        IsOff ? ValueTask.FromResult(Principal.Engine) : tokens.ValidateAsync(token, cancellationToken);

    /// <summary>
    /// The caller sits on this machine. What a proxy passed on does not count, nor what a browser sends under a foreign name (DNS rebinding).
    /// </summary>
    private bool MayBeTheEngine(HttpContext context) => options.Disabled || isEmbedded || IsLocal(context);

    internal static bool IsLocal(HttpContext context) =>
        context.Connection.RemoteIpAddress is var remote && (remote is null || IPAddress.IsLoopback(remote))
        && !context.Request.Headers.ContainsKey("Forwarded") && !context.Request.Headers.ContainsKey("X-Forwarded-For")
        && IsLocalName(context.Request.Host.Host);

    internal static bool IsLocalName(string host) =>
        host.Length == 0 || string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase) || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}

/// <summary>The token of a request.</summary>
static class BearerToken
{
    private const string Parameter = "access_token";

    /// <summary>Null when there is none. A header of another kind is an error, never an anonymous caller.</summary>
    public static string? Of(HttpRequest request)
    {
        var headers = request.Headers.Authorization;
        var parameters = request.Query[Parameter];
        return (headers.Count, parameters.Count) switch
        {
            (0, 0) => null,
            (1, _) when AuthenticationHeader(headers[0]) is { } token => token,
            (0, 1) when parameters[0] is { Length: > 0 } token => token,
            _ => throw new SyncException(ErrorCode.Unauthenticated, "the request does not carry one bearer token"),
        };
    }

    public static bool IsIn(HttpRequest request) => request.Headers.Authorization.Count > 0 || request.Query.ContainsKey(Parameter);

    /// <summary>Takes the token out of the query, so that nothing further down can log it.</summary>
    public static void Hide(HttpRequest request)
    {
        if (request.Query.ContainsKey(Parameter))
        {
            request.QueryString = QueryString.Create(request.Query.Where(parameter => !parameter.Key.Equals(Parameter, StringComparison.OrdinalIgnoreCase)));
        }
    }

    private static string? AuthenticationHeader(string? header) =>
        System.Net.Http.Headers.AuthenticationHeaderValue.TryParse(header, out var value) && string.Equals(value.Scheme, "Bearer", StringComparison.OrdinalIgnoreCase)
            ? value.Parameter
            : null;
}
