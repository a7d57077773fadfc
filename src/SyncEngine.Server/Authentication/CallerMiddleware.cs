using System.Security.Claims;
using System.Text;
using SyncEngine.Errors;
using SyncEngine.Permissions;

namespace SyncEngine.Server.Authentication;

/// <summary>Metadata of endpoints that answer only callers whose principal is known.</summary>
sealed class RequiresPrincipal
{
    public static readonly RequiresPrincipal Mark = new();
}

/// <summary>A caller that is refused, after its request has been counted.</summary>
sealed record RefusedCaller(SyncException Refusal);

/// <summary>Puts the caller's principal, or the refusal, on the requests of endpoints that require a principal.</summary>
sealed class CallerMiddleware(RequestDelegate next, CallerAuthenticator authenticator)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<RequiresPrincipal>() is not null)
        {
            try
            {
                var principal = await authenticator.AuthenticateAsync(context, context.RequestAborted);
                context.Features.Set(principal);
                context.User = ToUser(principal);
            }
            catch (SyncException refusal)
            {
                context.Features.Set(new RefusedCaller(refusal));
            }

            BearerToken.Hide(context.Request);
        }

        await next(context);
    }

    /// <summary>A text that is the same for the same principal, and for no other.</summary>
    public static string KeyOf(Principal principal)
    {
        var key = new StringBuilder();
        foreach (var part in (string?[])[principal.Issuer, principal.Subject, principal.Role])
        {
            // Lengths keep ("a", "bc") and ("ab", "c") apart.
            key.Append(part?.Length ?? -1).Append(':').Append(part);
        }

        return key.ToString();
    }

    /// <summary>The user for SignalR, which lets a connection be continued by the same user alone.</summary>
    private static ClaimsPrincipal ToUser(Principal principal) =>
        new(new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, KeyOf(principal))], "SyncEngine"));
}

/// <summary>Ends the requests of refused callers.</summary>
sealed class RefusalMiddleware(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context) =>
        context.Features.Get<RefusedCaller>() is { } refused ? throw refused.Refusal : next(context);
}
