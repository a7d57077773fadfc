using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Observability;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Cors;
using SyncEngine.Server.Observability;
using SyncEngine.Server.Options;
using SyncEngine.Tests.Server;
using Xunit;

namespace SyncEngine.IntegrationTests.Server;

public sealed class AdbcCompatibilityServerTests : IAsyncLifetime
{
    private readonly OutboxHealth outbox = new(new ManualTime());
    private readonly HealthPart ably = new("outbox.ably", new ManualTime());
    private readonly MetricsService metrics = new();
    private AdbcCompatibilityServer server = null!;
    private HttpClient http = null!;

    public async ValueTask InitializeAsync()
    {
        server = Create(new HealthAddress(IPAddress.Loopback, 0));
        await server.StartAsync(TestContext.Current.CancellationToken);
        http = new HttpClient { BaseAddress = server.Address };
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await server.StopAsync(CancellationToken.None);
        await server.DisposeAsync();
        metrics.Dispose();
    }

    [Fact]
    public async Task Four_keys_are_up_when_all_is_well()
    {
        Assert.Equal((HttpStatusCode.ServiceUnavailable, """{"status":"down","error":"starting"}"""), await HealthAsync("ably"));
        ably.Up();
        outbox.Postgres.Up();
        outbox.NodesTable.Up();
        outbox.OutboxTable.Up("there is no trigger");
        using var response = await http.GetAsync("/health", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal(
            """{"ably":{"status":"up"},"postgres":{"status":"up"},"nodes_table":{"status":"up"},"outbox_table":{"status":"up"}}""",
            await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));

        outbox.OutboxTable.Down("table is unhealthy");
        Assert.Equal(
            (HttpStatusCode.ServiceUnavailable, """{"status":"down","error":"table is unhealthy"}"""), await HealthAsync("outbox_table"));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, """{"status":"up"}"""), await HealthAsync("postgres"));
    }

    [Fact]
    public async Task Metrics_have_the_documented_names_beside_ours()
    {
        using var engine = new EngineMetrics();
        engine.Cuts.Add(1);
        outbox.OutboxEntries = 7;
        outbox.NodesEntries = 2;
        for (var error = 0; error < 3; error++)
        {
            outbox.CountOutboxError();
        }

        outbox.CountUnanswered(4);
        var text = await http.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        Assert.All(
            [
                "ably_pending_acks 4", "nodes_table_entries 2", "outbox_table_entries 7", "nodes_table_errors 0", "outbox_table_errors 3",
                "promhttp_metric_handler_errors_total{cause=\"encoding\"} 0", "sync_cuts_total 1",
            ],
            line => Assert.Contains($"\n{line}\n", text, StringComparison.Ordinal));
        Assert.Contains("# TYPE outbox_table_errors counter\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_else_is_served_there_and_pages_of_other_origins_are_refused()
    {
        using var other = await http.GetAsync("/health/ready", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/health") { Headers = { { "Origin", "https://evil.example" } } };
        using var refused = await http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task An_address_in_use_is_one_line_that_names_the_key()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        await using var second = Create(new HealthAddress(IPAddress.Loopback, port));
        var problem = await Assert.ThrowsAsync<OperatorException>(() => second.StartAsync(TestContext.Current.CancellationToken));
        Assert.StartsWith(
            $"SyncEngine:Outbox:HealthAddress: cannot listen on 127.0.0.1:{port}: ", problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', problem.Message);
    }

    private async Task<(HttpStatusCode Status, string Part)> HealthAsync(string part)
    {
        using var response = await http.GetAsync("/health", TestContext.Current.CancellationToken);
        using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        return (response.StatusCode, body.RootElement.GetProperty(part).GetRawText());
    }

    private AdbcCompatibilityServer Create(HealthAddress address) =>
        new(address, outbox, [ably], metrics, new OriginGate(new CorsOptions { Origins = ["https://app.example"] }));
}
