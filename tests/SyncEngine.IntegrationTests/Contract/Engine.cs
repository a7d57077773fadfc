using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Dapper;
using Npgsql;
using SyncEngine.IntegrationTests.Client;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>An answer as it came: status, headers, text.</summary>
public sealed record Answer(HttpStatusCode Status, string Text, HttpResponseHeaders Headers)
{
    public JsonElement Json => JsonElement.Parse(Text);

    /// <summary>The <c>code</c> of problem details; null when there is none.</summary>
    public string? Code => Text.StartsWith('{') && Json.TryGetProperty("code", out var code) ? code.GetString() : null;

    /// <summary>Status and code, as in a table of errors.</summary>
    public string Outcome => $"{(int)Status} {Code}".TrimEnd();
}

/// <summary>A server over a database of its own, with the roles that its tests made.</summary>
public sealed class Engine : IAsyncDisposable
{
    private readonly PostgresFixture postgres;
    private readonly List<string> roles = [];
    private readonly IAsyncDisposable server;
    private readonly HttpClient http;

    private Engine(PostgresFixture postgres, TestDatabase database, IAsyncDisposable server, Uri address)
    {
        this.postgres = postgres;
        this.server = server;
        Database = database;
        Address = address;
        http = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromMinutes(2) };
    }

    public TestDatabase Database { get; }

    public Uri Address { get; }

    /// <summary>In this process.</summary>
    /// <param name="sql">What the database holds before the engine starts.</param>
    public static Task<Engine> StartAsync(PostgresFixture postgres, string sql, params string[] options) => StartAsync(
        postgres,
        sql,
        async database =>
        {
            var server = await SyncServer.StartAsync(database, ["--SyncEngine:Limits:RequestsPerMinute=0", "--Logging:LogLevel:Microsoft=None", .. options]);
            return (server, server.Address);
        });

    /// <summary>As a process of its own.</summary>
    internal static async Task<(Engine Engine, ServerProcess Process)> StartProcessAsync(PostgresFixture postgres, string sql, params string[] options)
    {
        ServerProcess process = null!;
        var engine = await StartAsync(
            postgres,
            sql,
            async database =>
            {
                (process, var address) = await ServerProcess.RunAsync(database.ConnectionString, ["--SyncEngine:Limits:RequestsPerMinute=0", .. options]);
                return (process, address);
            });
        return (engine, process);
    }

    private static async Task<Engine> StartAsync(PostgresFixture postgres, string sql, Func<TestDatabase, Task<(IAsyncDisposable Server, Uri Address)>> start)
    {
        var database = await postgres.CreateDatabaseAsync();
        try
        {
            if (sql.Length > 0)
            {
                await database.ExecuteAsync(sql);
            }

            var (server, address) = await start(database);
            return new Engine(postgres, database, server, address);
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    public Task ExecuteAsync(string sql) => Database.ExecuteAsync(sql);

    /// <summary>Executes, and answers the position that the log had been flushed to after the commit.</summary>
    public async Task<ulong> CommitAsync(string sql)
    {
        await Database.ExecuteAsync(sql);
        return Changes.Lsn.Parse(await Database.ScalarAsync<string>("SELECT pg_current_wal_flush_lsn()::text")).Value;
    }

    /// <summary>A role of this name in this database alone, so that runs beside each other do not meet.</summary>
    public async Task<string> CreateRoleAsync(string name, string attributes = "NOLOGIN")
    {
        var role = $"{Database.Name}_{name}";
        await using var connection = new NpgsqlConnection(postgres.Server.ConnectionString);
        await connection.ExecuteAsync($"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} {attributes}");
        roles.Add(role);
        return role;
    }

    public async Task<Answer> SendAsync(HttpMethod method, string path, HttpContent? content = null, string? token = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        if (token is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await http.SendAsync(request);
        return new Answer(response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers);
    }

    public Task<Answer> GetAsync(string path, string? token = null) => SendAsync(HttpMethod.Get, path, null, token);

    public Task<Answer> DeleteAsync(string path, string? token = null) => SendAsync(HttpMethod.Delete, path, null, token);

    public Task<Answer> PostAsync(string path, string body, string? token = null) =>
        SendAsync(HttpMethod.Post, path, new StringContent(body, Encoding.UTF8, "application/json"), token);

    public Task<Answer> PostQueryAsync(string query, string parameters = "[]", string? token = null) =>
        PostAsync("/subscribe", $$"""{"query":{{JsonSerializer.Serialize(query)}},"params":{{parameters}}}""", token);

    public async Task<SubscriptionAnswer> SubscribeAsync(string query, string parameters = "[]", string? token = null)
    {
        var answer = await PostQueryAsync(query, parameters, token);
        Assert.True(answer.Status == HttpStatusCode.Created, $"{query}: {answer.Outcome}: {answer.Text}");
        return Read(answer);
    }

    public static SubscriptionAnswer Read(Answer answer) => answer.Json.Deserialize<SubscriptionAnswer>(JsonSerializerOptions.Web)!;

    /// <summary>Subscribes and streams over a hub connection of its own, until it is live.</summary>
    public async Task<Watch> WatchAsync(string query, string parameters = "[]", string? token = null)
    {
        var watch = await StreamAsync(await SubscribeAsync(query, parameters, token), token: token);
        await watch.LiveAsync();
        return watch;
    }

    public async Task<Watch> StreamAsync(SubscriptionAnswer subscription, string? from = null, string? token = null, StrictResult? held = null)
    {
        var hub = await SyncHubClient.ConnectAsync(Address, token);
        return Watch.OfSubscription(hub, hub.StreamAsync(subscription.SubscriptionId, from), subscription, from, held);
    }

    public Watch Events(SubscriptionAnswer subscription, string? from = null, string? token = null, StrictResult? held = null)
    {
        var client = new SyncHttpClient(Address, token);
        return Watch.OfSubscription(new Disposal(client), client.EventsAsync(subscription.SubscriptionId, from), subscription, from, held);
    }

    /// <summary>A connection with its open stream.</summary>
    public async Task<Watch> OpenAsync(string? token = null)
    {
        var hub = await SyncHubClient.ConnectAsync(Address, token);
        return Watch.OfConnection(hub);
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await server.DisposeAsync();
        await Database.DisposeAsync();
        await using var connection = new NpgsqlConnection(postgres.Server.ConnectionString);
        foreach (var role in roles)
        {
            await connection.ExecuteAsync($"DROP ROLE {role}");
        }
    }

    private sealed class Disposal(IDisposable what) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            what.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
