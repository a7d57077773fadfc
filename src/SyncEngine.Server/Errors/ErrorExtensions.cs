namespace SyncEngine.Server.Errors;

/// <summary>Adds the answers to errors to the host.</summary>
static class ErrorExtensions
{
    public static IServiceCollection AddSyncErrors(this IServiceCollection services) => services
        .AddSingleton<HubErrors>()
        // A body that cannot be read is then an exception like any other, instead of a bare 400.
        .Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);

    /// <summary>The outermost of our middleware.</summary>
    public static IApplicationBuilder UseSyncErrors(this IApplicationBuilder app) => app.UseMiddleware<ErrorMiddleware>();
}
