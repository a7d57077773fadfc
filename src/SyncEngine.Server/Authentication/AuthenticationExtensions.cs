using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;
using AuthenticationOptions = SyncEngine.Server.Options.AuthenticationOptions;

namespace SyncEngine.Server.Authentication;

/// <summary>Adds authentication and the limit of requests to the host.</summary>
static class AuthenticationExtensions
{
    /// <summary>Needs an <see cref="Ports.IRoleCheck"/>, <see cref="LimitOptions"/> and a <see cref="TimeProvider"/> beside it.</summary>
    /// <param name="isEmbedded">The database is the embedded one, which holds nothing but demo data.</param>
    /// <exception cref="OperatorException">A key that cannot be read, or options that contradict each other.</exception>
    public static IServiceCollection AddSyncAuthentication(this IServiceCollection services, IConfiguration configuration, bool isEmbedded)
    {
        var options = OptionsBinder.Bind<AuthenticationOptions>(configuration, AuthenticationOptions.Section);
        return services.AddSyncAuthentication(options, KeySources.Changing(options, KeySources.CreateClient()), isEmbedded);
    }

    /// <inheritdoc cref="AddSyncAuthentication(IServiceCollection, IConfiguration, bool)"/>
    /// <param name="fetch">Reads the keys that can change; null when all are fixed.</param>
    internal static IServiceCollection AddSyncAuthentication(
        this IServiceCollection services, AuthenticationOptions options, KeyFetch? fetch, bool isEmbedded)
    {
        if (options.Disabled && options.HasKey)
        {
            throw new OperatorException("SyncEngine:Authentication:Disabled=true contradicts the key beside it; remove one of them");
        }

        var fixedKeys = KeySources.Fixed(options);
        services
            // The address of a request may hold a token, and this category writes addresses.
            .AddLogging(logging => logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning))
            .AddSingleton(options)
            .AddSingleton(provider => new KeyRing(
                fixedKeys, fetch, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<KeyRing>>()))
            .AddSingleton<PrincipalMapping>()
            .AddSingleton<CallerAuthenticator>()
            .AddHostedService(provider => ActivatorUtilities.CreateInstance<AuthenticationNotice>(provider, isEmbedded))
            .AddRateLimiter(limiter => limiter.AddPolicy<string, RequestRateLimit>(RequestRateLimit.Name))
            .AddAuthentication(options.IsOff ? EngineScheme.Name : BearerScheme.Name)
            .AddScheme<EngineSchemeOptions, EngineScheme>(EngineScheme.Name, scheme => scheme.AllowRemote = options.Disabled || isEmbedded)
            .AddJwtBearer(BearerScheme.Name, _ => { });
        // Behind the framework's own settings, so that these are the last.
        services.AddSingleton<IConfigureOptions<JwtBearerOptions>, BearerScheme>();
        // The framework adds data protection for cookies, which makes a key in the user's folder at every start. Bearer tokens need none.
        foreach (var unused in services.Where(IsKeyGeneration).ToList())
        {
            services.Remove(unused);
        }

        return services;
    }

    /// <summary>After routing and UseSyncErrors. Each request is counted, also that of a refused caller.</summary>
    public static IApplicationBuilder UseSyncAuthentication(this IApplicationBuilder app)
    {
        // Without this mark WebApplication authenticates every request, health checks too, before all other middleware.
        app.Properties["__AuthenticationMiddlewareSet"] = true;
        return app.UseMiddleware<CallerMiddleware>().UseRateLimiter().UseMiddleware<RefusalMiddleware>();
    }

    /// <summary>Only callers with a principal are answered, and their requests are counted.</summary>
    public static TBuilder RequirePrincipal<TBuilder>(this TBuilder endpoints)
        where TBuilder : IEndpointConventionBuilder =>
        endpoints.WithMetadata(RequiresPrincipal.Mark).RequireRateLimiting(RequestRateLimit.Name);

    /// <summary>The caller of an endpoint that has <see cref="RequirePrincipal"/>.</summary>
    public static Principal GetPrincipal(this HttpContext context) =>
        context.Features.Get<Principal>()
        ?? throw new InvalidOperationException($"{context.Request.Path} has no principal: its endpoint lacks {nameof(RequirePrincipal)}");

    private static bool IsKeyGeneration(ServiceDescriptor service) =>
        service is { IsKeyedService: false, ImplementationType: { } type } && service.ServiceType == typeof(IHostedService)
        && string.Equals(type.Namespace, "Microsoft.AspNetCore.DataProtection.Internal", StringComparison.Ordinal);
}
