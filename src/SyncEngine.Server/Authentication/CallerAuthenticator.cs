using Microsoft.AspNetCore.Authentication;
using SyncEngine.Errors;
using SyncEngine.Permissions;

namespace SyncEngine.Server.Authentication;

/// <summary>Authenticates callers by the default scheme of ASP.NET Core, whichever that is, and maps them to principals.</summary>
sealed class CallerAuthenticator(PrincipalMapping mapping, IServiceScopeFactory scopes)
{
    /// <exception cref="SyncException">
    /// <c>unauthenticated</c>, <c>token_expired</c>, <c>permission_denied</c> or <c>source_unavailable</c>.
    /// </exception>
    public async ValueTask<Principal> AuthenticateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var result = await context.AuthenticateAsync();
        if (result.Failure is { } failure)
        {
            throw failure as SyncException ?? new SyncException(ErrorCode.Unauthenticated, "the credentials are not accepted");
        }

        if (result.Succeeded)
        {
            return await mapping.MapAsync(result.Principal, result.Properties?.ExpiresUtc, cancellationToken);
        }

        return await mapping.AnonymousAsync(cancellationToken) ?? throw new SyncException(
            ErrorCode.Unauthenticated,
            "a token is missing",
            hint: "Send \"Authorization: Bearer …\", or access_token in the query of a socket.");
    }

    /// <summary>Authenticates a token that came without a request by the same scheme.</summary>
    /// <inheritdoc cref="AuthenticateAsync(HttpContext, CancellationToken)" path="/exception"/>
    public async ValueTask<Principal> AuthenticateAsync(string token, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var context = new DefaultHttpContext { RequestServices = scope.ServiceProvider, RequestAborted = cancellationToken };
        context.Features.Set(new PresentedToken(token));
        return await AuthenticateAsync(context, cancellationToken);
    }
}
