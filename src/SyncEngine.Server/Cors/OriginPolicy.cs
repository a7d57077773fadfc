using Microsoft.AspNetCore.Cors.Infrastructure;

namespace SyncEngine.Server.Cors;

/// <summary>The one CORS policy. It depends on the request, because the engine's own origin is the host that the request names.</summary>
sealed class OriginPolicy(OriginGate gate) : ICorsPolicyProvider
{
    private static readonly TimeSpan preflightMaxAge = TimeSpan.FromMinutes(10);

    public Task<CorsPolicy?> GetPolicyAsync(HttpContext context, string? policyName) => Task.FromResult<CorsPolicy?>(
        new CorsPolicyBuilder()
            .SetIsOriginAllowed(origin => gate.Admits(origin, context))
            .AllowCredentials()
            .AllowAnyHeader()
            .WithMethods(HttpMethods.Get, HttpMethods.Post, HttpMethods.Delete)
            .WithExposedHeaders("Retry-After", "WWW-Authenticate")
            .SetPreflightMaxAge(preflightMaxAge)
            .Build());
}
