using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using SyncEngine.Errors;

namespace SyncEngine.Server.Authentication;

/// <summary>The identity of callers while authentication is off: that of the engine itself.</summary>
sealed class EngineIdentity() : ClaimsIdentity(EngineScheme.Name);

sealed class EngineSchemeOptions : AuthenticationSchemeOptions
{
    /// <summary>Callers of other machines are let in, too: by configuration, or because the database is the embedded one.</summary>
    public bool AllowRemote { get; set; }
}

/// <summary>The scheme while authentication is off: callers of this machine are the engine's own role.</summary>
sealed class EngineScheme(IOptionsMonitor<EngineSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<EngineSchemeOptions>(options, logger, encoder)
{
    public const string Name = "Engine";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(
        Options.AllowRemote || LocalCaller.IsLocal(Context)
            ? AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new EngineIdentity()), Name))
            : AuthenticateResult.Fail(new SyncException(
                ErrorCode.Unauthenticated,
                "authentication is not configured, and this server then answers its own machine only",
                hint: "Configure a key under SyncEngine:Authentication, or set SyncEngine:Authentication:Disabled=true "
                    + "to let every caller in as the engine's own role.")));

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        // The engine takes tokens as soon as it has a key, and none of another kind.
        Response.StatusCode = StatusCodes.Status401Unauthorized;
        Response.Headers.Append(HeaderNames.WWWAuthenticate, "Bearer");
        return Task.CompletedTask;
    }
}
