using System.Security.Claims;
using System.Text;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Errors;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Authentication;

/// <summary>Endpoints that carry this answer only callers whose principal is known.</summary>
sealed class RequiresPrincipal
{
    public static readonly RequiresPrincipal Mark = new();
}

/// <summary>What composes authentication into the host.</summary>
static partial class AuthenticationExtensions
{
    /// <summary>Needs an <see cref="Ports.IRoleCheck"/> and a <see cref="TimeProvider"/> beside it.</summary>
    /// <exception cref="OperatorException">A key that cannot be read, or options that contradict each other.</exception>
    public static IServiceCollection AddSyncAuthentication(this IServiceCollection services, IConfiguration configuration, bool isEmbedded)
    {
        var options = OptionsBinder.Bind<AuthenticationOptions>(configuration, AuthenticationOptions.Section);
        if (options.Disabled && options.HasKey)
        {
            throw new OperatorException("SyncEngine:Authentication:Disabled=true contradicts the key beside it; remove one of them");
        }

        var http = KeySources.CreateClient();
        var fixedKeys = KeySources.Fixed(options);
        var changing = KeySources.Changing(options, http);
        return services
            // The address of a request may hold a token, and this category writes addresses.
            .AddLogging(logging => logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning))
            .AddSingleton(options)
            .AddSingleton(provider => new KeyRing(fixedKeys, changing, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<KeyRing>>()))
            .AddSingleton<TokenValidator>()
            .AddSingleton(provider => new CallerAuthenticator(options, provider.GetRequiredService<TokenValidator>(), isEmbedded))
            .AddHostedService(provider => new AuthenticationNotice(options, isEmbedded, provider.GetRequiredService<CallerAuthenticator>(), provider.GetRequiredService<ILogger<CallerAuthenticator>>()));
    }

    /// <summary>After routing and UseSyncErrors; counts each request against its caller's minute, too.</summary>
    public static IApplicationBuilder UseSyncAuthentication(this IApplicationBuilder app) => app.UseMiddleware<AuthenticationMiddleware>();

    public static TBuilder RequirePrincipal<TBuilder>(this TBuilder endpoints)
        where TBuilder : IEndpointConventionBuilder => endpoints.WithMetadata(RequiresPrincipal.Mark);

    /// <summary>Of an endpoint that has <see cref="RequirePrincipal"/>.</summary>
    public static Principal GetPrincipal(this HttpContext context) =>
        context.Features.Get<Principal>() ?? throw new InvalidOperationException($"{context.Request.Path} has no principal: its endpoint lacks {nameof(RequirePrincipal)}");
}

/// <summary>Puts the caller's principal on the requests of endpoints that ask for one.</summary>
sealed class AuthenticationMiddleware(RequestDelegate next, CallerAuthenticator authenticator, RequestLimiter limiter)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<RequiresPrincipal>() is null)
        {
            await next(context);
            return;
        }

        Principal principal;
        try
        {
            principal = await authenticator.AuthenticateAsync(context, context.RequestAborted);
        }
        catch (SyncException refusal) when (refusal.Code.Class == ErrorClass.SignIn)
        {
            // Guessing is bounded, too.
            limiter.Count(context, null);
            throw;
        }

        limiter.Count(context, principal);
        BearerToken.Hide(context.Request);
        context.Features.Set(principal);
        context.User = ToUser(principal);
        await next(context);
    }

    /// <summary>For SignalR, which lets a connection be continued by the same user alone.</summary>
    private static ClaimsPrincipal ToUser(Principal principal) =>
        new(new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, NameOf(principal))], "Bearer"));

    internal static string NameOf(Principal principal)
    {
        var name = new StringBuilder();
        foreach (var part in (string?[])[principal.Issuer, principal.Subject, principal.Role])
        {
            // Lengths keep ("a", "bc") and ("ab", "c") apart.
            name.Append(part?.Length ?? -1).Append(':').Append(part);
        }

        return name.ToString();
    }
}

/// <summary>Says at start how callers are told apart, loudly where they are not.</summary>
sealed partial class AuthenticationNotice(AuthenticationOptions options, bool isEmbedded, CallerAuthenticator authenticator, ILogger logger) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (authenticator.IsOff && options.Disabled)
        {
            Log.Disabled(logger);
        }
        else if (authenticator.IsOff && !isEmbedded)
        {
            Log.LoopbackOnly(logger);
        }

        if (KeySources.Fixed(options).Any(key => key.Key is Microsoft.IdentityModel.Tokens.SymmetricSecurityKey secret && secret.KeySize < VerificationKey.ProperSecretBytes * 8))
        {
            Log.ShortSecret(logger, VerificationKey.ProperSecretBytes);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static partial class Log
    {
        [LoggerMessage(1102, LogLevel.Warning, "AUTHENTICATION IS DISABLED: whoever reaches this server reads the database with the engine's own role (SyncEngine:Authentication:Disabled=true)")]
        public static partial void Disabled(ILogger logger);

        [LoggerMessage(1103, LogLevel.Warning, "Authentication is not configured: only callers of this machine are answered, with the engine's own role")]
        public static partial void LoopbackOnly(ILogger logger);

        [LoggerMessage(1104, LogLevel.Warning, "A shared secret is shorter than {Bytes} bytes; HS256 asks for as many")]
        public static partial void ShortSecret(ILogger logger, int bytes);
    }
}
