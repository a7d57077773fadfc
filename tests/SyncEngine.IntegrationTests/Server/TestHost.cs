using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SyncEngine.Errors;
using SyncEngine.Observability;
using SyncEngine.Ports;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Cors;
using SyncEngine.Server.Errors;
using SyncEngine.Server.Observability;
using SyncEngine.Server.Options;
using SyncEngine.Tests.Server;
using SyncEngine.Tests.Server.Authentication;

namespace SyncEngine.IntegrationTests.Server;

/// <summary>The edges of the host on a real socket, around a few endpoints that show what came through.</summary>
sealed class TestHost : IAsyncDisposable
{
    private readonly WebApplication app;

    private TestHost(WebApplication app, ConcurrentQueue<string> log)
    {
        this.app = app;
        Log = log;
        Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri(app.Urls.First()) };
    }

    public HttpClient Client { get; }

    /// <summary>Every line that was logged, whatever its level.</summary>
    public ConcurrentQueue<string> Log { get; }

    public static Task<TestHost> StartAsync(bool isEmbedded, params (string Key, string Value)[] configuration) =>
        StartAsync(isEmbedded, _ => { }, configuration);

    /// <param name="configure">Changes the services at the end.</param>
    public static async Task<TestHost> StartAsync(
        bool isEmbedded, Action<IServiceCollection> configure, params (string Key, string Value)[] configuration)
    {
        var log = new ConcurrentQueue<string>();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.AddInMemoryCollection(configuration.Select(pair => KeyValuePair.Create(pair.Key, (string?)pair.Value)));
        builder.Logging
            .AddConfiguration(builder.Configuration.GetSection("Logging"))
            .AddProvider(new LogCapture(log))
            .SetMinimumLevel(LogLevel.Trace);
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services
            .AddRouting()
            .AddSingleton<TimeProvider>(new ManualTime())
            .AddSingleton<IRoleCheck>(new Tokens.Roles { Others = { ["root"] = RoleStatus.Superuser } })
            .AddSyncOptions(builder.Configuration, AppContext.BaseDirectory)
            .AddSyncAuthentication(builder.Configuration, isEmbedded)
            .AddSyncErrors()
            .AddSyncCors(builder.Configuration)
            .AddSyncObservability(builder.Configuration)
            .AddSingleton<IHealthPart>(provider => new HealthPart("database", provider.GetRequiredService<TimeProvider>()));
        configure(builder.Services);
        var app = builder.Build();
        app.UseSyncErrors();
        app.UseRouting();
        app.UseSyncCors();
        app.UseSyncAuthentication();
        app.MapGet("/who", Who).RequirePrincipal();
        app.MapPost("/body", (JsonElement body) => Results.Json(body)).RequirePrincipal();
        app.MapGet("/open", () => "open");
        app.MapGet("/throw/{code}", (string code) =>
        {
            var known = ErrorCode.All.Single(known => known.Name.Equals(code, StringComparison.Ordinal));
            throw new SyncException(known, "relation \"a<b\" is not there", "Some detail.", "Some hint.") { SqlState = "42P01", Position = 15 };
        });
        app.MapGet("/fail", string () => throw new InvalidOperationException("the secret of the house"));
        app.MapGet("/half", async (HttpContext context) =>
        {
            await context.Response.WriteAsync("half");
            await context.Response.Body.FlushAsync();
            throw new InvalidOperationException();
        });
        app.MapSyncHealth();
        app.MapSyncMetrics();
        await app.StartAsync();
        return new TestHost(app, log);
    }

    public HealthPart Database => (HealthPart)app.Services.GetRequiredService<IHealthPart>();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await app.StopAsync();
        await app.DisposeAsync();
    }

    private static IResult Who(HttpContext context) =>
        Results.Json(new { context.GetPrincipal().Role, Query = context.Request.QueryString.Value });

    private sealed class LogCapture(ConcurrentQueue<string> log) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
