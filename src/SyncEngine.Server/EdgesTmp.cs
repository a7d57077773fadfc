using SyncEngine.Permissions;
using SyncEngine.Errors;
using Microsoft.AspNetCore.SignalR;
namespace SyncEngine.Server.Authentication
{
    static class Ext { public static Principal GetPrincipal(this HttpContext c) => Principal.Engine;
      public static void AddSyncAuthentication(this IServiceCollection s, IConfiguration c, bool isEmbedded) => s.AddSingleton<TokenValidator>();
      public static void UseSyncAuthentication(this WebApplication a) { } }
    sealed class TokenValidator { public Task<Principal> ValidateAsync(string t, CancellationToken ct) => Task.FromResult(Principal.Engine); }
}
namespace SyncEngine.Server.Errors
{
    sealed class HubErrorFilter : IHubFilter { public async ValueTask<object?> InvokeMethodAsync(HubInvocationContext c, Func<HubInvocationContext, ValueTask<object?>> next) { try { return await next(c);} catch (SyncException e) { throw new HubException($"{e.Code}: {e.Message}", e); } } }
    static class Ext { public static void AddSyncErrors(this IServiceCollection s) {} 
     public static void UseSyncErrors(this WebApplication a) { a.Use(async (c, n) => { try { await n(c);} catch (SyncException e) { c.Response.StatusCode = e.Code.HttpStatus; await c.Response.WriteAsJsonAsync(new { code = e.Code.Name, title = e.Message, e.Detail, e.Hint, e.SqlState, e.Position}); } }); }
     public static void UseSyncCors(this WebApplication a) {} }
}
namespace SyncEngine.Server.Observability
{
    interface IHealthPart { string Name { get; } ValueTask<PartHealth> CheckAsync(CancellationToken t); }
    sealed record PartHealth(string Status, string? Detail, long? Lag) { public static PartHealth Up(long? lag = null, DateTimeOffset? since = null) => new("up", null, lag); public static PartHealth Down(string d, DateTimeOffset? since = null) => new("down", d, null); public static PartHealth Starting(string d, DateTimeOffset? since = null) => new("starting", d, null); }
    static class Ext { public static void AddSyncObservability(this IServiceCollection s, IConfiguration c) {}
      public static void MapSyncHealth(this WebApplication a) { a.MapGet("/health/ready", async (IEnumerable<IHealthPart> parts) => { var d = new Dictionary<string, object>(); bool ok = true; foreach (var p in parts) { var h = await p.CheckAsync(default); d[p.Name] = h; ok &= h.Status == "up"; } return Results.Json(new { status = ok ? "up":"down", version="0.1", parts = d }, statusCode: ok ? 200 : 503); }); }
      public static void MapSyncMetrics(this WebApplication a) {} }
}
namespace SyncEngine.Server.Options
{
    sealed record LimitsOptions { public int QueryBytes { get; init; } = 65536; public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromSeconds(10); public int RowsPerResult { get; init; } = 100000; public int BytesPerResult {get;init;} = 64*1024*1024; }
    sealed record QueriesOptions { public bool AllowAdHoc { get; init; } = true; public string[] SearchPath { get; init; } = ["public"]; }
    sealed record NamedQuery(string Sql, string[] Parameters);
    sealed class NamedQueries { public NamedQuery? Find(string name) => null; }
    sealed record SyncOptions(LimitsOptions Limits, QueriesOptions Queries) { public static SyncOptions Read(IConfiguration c) => new(new(), new()); public EngineOptions ToEngineOptions() => new(); }
}
