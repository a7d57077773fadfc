using Microsoft.AspNetCore.Cors.Infrastructure;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;
using CorsOptions = SyncEngine.Server.Options.CorsOptions;

namespace SyncEngine.Server.Cors;

/// <summary>Adds the rules for web pages of other origins: the framework's CORS, and a check of requests without a preflight.</summary>
static class CorsExtensions
{
    /// <exception cref="OperatorException">An origin that is none.</exception>
    public static IServiceCollection AddSyncCors(this IServiceCollection services, IConfiguration configuration)
    {
        var options = OptionsBinder.Bind<CorsOptions>(configuration, CorsOptions.Section);
        if (options.Origins.FirstOrDefault(origin => !IsOrigin(origin)) is { } wrong)
        {
            const string Key = $"{CorsOptions.Section}:{nameof(CorsOptions.Origins)}";
            throw new OperatorException($"{Key} holds \"{wrong}\", which is not an origin such as https://app.example.com");
        }

        return services.AddCors().AddSingleton(options).AddSingleton<OriginGate>().AddSingleton<ICorsPolicyProvider, OriginPolicy>();
    }

    /// <summary>After routing and UseSyncErrors, and before authentication, because a preflight carries no token.</summary>
    public static IApplicationBuilder UseSyncCors(this IApplicationBuilder app) => app.UseMiddleware<OriginMiddleware>().UseCors();

    private static bool IsOrigin(string text) =>
        text is "*"
        || (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            && string.Equals(uri.GetLeftPart(UriPartial.Authority), text, StringComparison.OrdinalIgnoreCase));
}
