using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.SignalR;
using SyncEngine.AblySimulator;
using SyncEngine.IntegrationTests.Client;
using SyncEngine.IntegrationTests.Connectors.Hub;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>The server with an outbox, as an operator of adbc starts it.</summary>
public sealed class OutboxServerTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".yaml");
    private TestDatabase database = null!;
    private SimulatedAbly ably = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        ably = await SimulatedAbly.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        File.Delete(file);
        await database.DisposeAsync();
        await ably.DisposeAsync();
    }

    [Fact]
    public async Task With_the_configuration_of_adbc_alone_tables_are_made_and_its_doors_are_open()
    {
        var port = FreePort();
        Write(database.Url, port, "true");
        var (server, address) = await ServerProcess.RunAsync(
            ServerProcess.Start("--urls=http://127.0.0.1:0", $"--SyncEngine:Ably:Endpoint={ably.Address}", "--adbc-config", file));
        await using (server)
        {
            Assert.Contains($"the configuration of adbc was read from {file}", server.Output, StringComparison.Ordinal);
            using var adbc = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            using var health = JsonDocument.Parse(await adbc.GetStringAsync("/health", TestContext.Current.CancellationToken));
            Assert.Equal(
                ["ably", "postgres", "nodes_table", "outbox_table"], health.RootElement.EnumerateObject().Select(part => part.Name));
            Assert.All(health.RootElement.EnumerateObject(), part => Assert.Equal("up", part.Value.GetProperty("status").GetString()));
            var metrics = await adbc.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
            Assert.All(
                ["ably_pending_acks ", "nodes_table_entries ", "outbox_table_entries ", "nodes_table_errors ", "outbox_table_errors "],
                name => Assert.Contains($"\n{name}", metrics, StringComparison.Ordinal));

            using var main = new HttpClient { BaseAddress = address };
            using var ready = JsonDocument.Parse(await main.GetStringAsync("/health/ready", TestContext.Current.CancellationToken));
            Assert.Superset(
                new HashSet<string>(
                    [
                        "database", "replication", "outbox.postgres", "outbox.outbox_table", "outbox.nodes_table", "outbox.channels",
                        "outbox.ably",
                    ],
                    StringComparer.Ordinal),
                ready.RootElement.GetProperty("parts").EnumerateObject().Select(part => part.Name).ToHashSet(StringComparer.Ordinal));
            using var notThere = await main.GetAsync("/health", TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.NotFound, notThere.StatusCode);
            Assert.Equal(1, await database.ScalarAsync<int>("SELECT count(*) FROM pg_trigger WHERE tgname = 'public_outbox_trigger'"));
            await PublishesAsync();
            server.Terminate();
            Assert.Equal(0, await server.ExitCodeAsync());
            Assert.Equal(0, await database.ScalarAsync<int>("SELECT count(*) FROM nodes"));
        }
    }

    [Fact]
    public async Task Over_a_database_that_cannot_stream_the_outbox_runs_and_live_queries_are_off()
    {
        var role = $"{database.Name}_adbc";
        await database.ExecuteAsync(
            $"CREATE ROLE {role} LOGIN PASSWORD '{TestDatabase.RolePassword}'; GRANT CREATE, USAGE ON SCHEMA public TO {role}");
        Write(
            $"postgres://{role}:{TestDatabase.RolePassword}@{database.Address.Host}:{database.Address.Port}/{database.Name}", FreePort(),
            "true");
        var (server, address) = await ServerProcess.RunAsync(
            ServerProcess.Start("--urls=http://127.0.0.1:0", $"--SyncEngine:Ably:Endpoint={ably.Address}", "--config", file));
        await using (server)
        {
            Assert.Contains("live queries are off", server.Output, StringComparison.Ordinal);
            using var main = new HttpClient { BaseAddress = address };
            using var ready = JsonDocument.Parse(await main.GetStringAsync("/health/ready", TestContext.Current.CancellationToken));
            Assert.StartsWith(
                "not configured: ", ready.RootElement.GetProperty("parts").GetProperty("replication").GetProperty("detail").GetString(),
                StringComparison.Ordinal);
            using var query = new StringContent("""{"query": "SELECT 1"}""", Encoding.UTF8, "application/json");
            using var refused = await main.PostAsync("/subscribe", query, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Contains(
                "source_unavailable", await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
                StringComparison.Ordinal);
            await PublishesAsync();
            server.Terminate();
            Assert.Equal(0, await server.ExitCodeAsync());
        }

        await database.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
    }

    [Fact]
    public async Task Over_a_database_that_cannot_stream_the_hub_serves_channels_and_refuses_the_rest()
    {
        var role = $"{database.Name}_hub";
        await database.ExecuteAsync(
            $"CREATE ROLE {role} LOGIN PASSWORD '{TestDatabase.RolePassword}'; GRANT CREATE ON DATABASE {database.Name} TO {role};"
                + $" GRANT CREATE, USAGE ON SCHEMA public TO {role}");
        var (server, address) = await ServerProcess.RunAsync(ServerProcess.Start(
            "--urls=http://127.0.0.1:0",
            $"--SyncEngine:Outbox:Database=postgres://{role}:{TestDatabase.RolePassword}@{database.Address.Host}:{database.Address.Port}/{database.Name}",
            "--SyncEngine:Outbox:AutoCreate=true",
            "--SyncEngine:Outbox:AutoCreateNodes=true",
            "--SyncEngine:Outbox:Targets:0:Target=hub"));
        await using (server)
        {
            Assert.Contains("live queries are off", server.Output, StringComparison.Ordinal);
            await using var hub = await SyncHubClient.ConnectAsync(address, cancellationToken: TestContext.Current.CancellationToken);
            await using var reader = new ChannelReader(hub.ChannelAsync("room:1"));
            Assert.Equal("live", await TypeAsync(reader));
            await database.ExecuteAsync("INSERT INTO outbox (mutation_id, channel, name, data) VALUES ('1', 'room:1', 'said', '{}')");
            Assert.Equal("message", await TypeAsync(reader));

            var cancellation = TestContext.Current.CancellationToken;
            await RefusedAsync(async () => await hub.OpenAsync(cancellation).GetAsyncEnumerator(cancellation).MoveNextAsync());
            await RefusedAsync(async () =>
                await hub.StreamAsync("s", cancellationToken: cancellation).GetAsyncEnumerator(cancellation).MoveNextAsync());
            await RefusedAsync(() => hub.AttachAsync("s", cancellationToken: TestContext.Current.CancellationToken));
            await RefusedAsync(() => hub.DetachAsync("s", TestContext.Current.CancellationToken));
            await RefusedAsync(() => hub.AwaitAsync("1", 0, TestContext.Current.CancellationToken));

            // None of these has ended what is read.
            await database.ExecuteAsync("INSERT INTO outbox (mutation_id, channel, name, data) VALUES ('2', 'room:1', 'said', '{}')");
            Assert.Equal("message", await TypeAsync(reader));
            server.Terminate();
            Assert.Equal(0, await server.ExitCodeAsync());
        }

        await database.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");

        static async Task<string?> TypeAsync(ChannelReader reader) => (await reader.NextAsync()).GetProperty("type").GetString();

        static async Task RefusedAsync(Func<Task> call) =>
            Assert.Contains(
                "source_unavailable: live queries are off", (await Assert.ThrowsAsync<HubException>(call)).Message,
                StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_that_is_missing_takes_nothing_but_readiness()
    {
        Write(database.Url, FreePort(), "false");
        await using var server = ServerProcess.Start(
            "--urls=http://127.0.0.1:0", $"--SyncEngine:Ably:Endpoint={ably.Address}", "--adbc-config", file);
        var address = await server.ListeningAsync();
        using var main = new HttpClient { BaseAddress = address };
        await SettledAsync(main, "outbox.outbox_table", "down");
        await database.ExecuteAsync("""
            CREATE TABLE nodes (id text PRIMARY KEY, expiry timestamp NOT NULL);
            CREATE TABLE outbox (
                sequence_id serial PRIMARY KEY, mutation_id text NOT NULL, channel text NOT NULL, name text NOT NULL,
                rejected boolean NOT NULL DEFAULT false, data jsonb, headers jsonb, locked_by text, lock_expiry timestamp);
            """);
        await SettledAsync(main, "outbox.outbox_table", "up");
    }

    [Fact]
    public async Task A_database_of_the_outbox_that_is_away_leaves_live_queries_alone()
    {
        await using var server = ServerProcess.Start(
            "--urls=http://127.0.0.1:0", $"--database={database.Url}", "--SyncEngine:Outbox:Database=postgres://u:p@127.0.0.1:1/away",
            "--SyncEngine:Outbox:HealthRefresh=100 ms");
        using var main = new HttpClient { BaseAddress = await server.ListeningAsync() };
        await SettledAsync(main, "outbox.outbox_table", "down");
        await SettledAsync(main, "replication", "up");
        using var query = new StringContent("""{"query": "SELECT 1 AS one"}""", Encoding.UTF8, "application/json");
        using var subscribed = await main.PostAsync("/subscribe", query, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Created, subscribed.StatusCode);
        server.Terminate();
        Assert.Equal(0, await server.ExitCodeAsync());
    }

    [Theory]
    [InlineData("ably:\n  apiKye: secret", "ably.apiKye in ")]
    [InlineData("poll:\n  fixedRate: perhaps", "poll.fixedRate in ")]
    [InlineData("ably:\n  apiKey: \"secret", " is not YAML: ")]
    public async Task A_value_that_cannot_be_read_ends_the_start_in_one_line_and_nothing_is_created(string yaml, string expected)
    {
        await File.WriteAllTextAsync(file, yaml, TestContext.Current.CancellationToken);
        await using var server = ServerProcess.Start(
            "--urls=http://127.0.0.1:0", "--adbc-config", file, "--ably-api-key", "app.key:secret",
            $"--postgres-connection-uri={database.Url}", "--outbox-table-auto-create");
        Assert.NotEqual(0, await server.ExitCodeAsync());
        var line = Assert.Single(server.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("error: ", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", server.Output + server.Error, StringComparison.Ordinal);
        Assert.Equal(0, await database.ScalarAsync<int>("SELECT count(*) FROM pg_class WHERE oid >= 16384"));
    }

    private async Task PublishesAsync()
    {
        await database.ExecuteAsync(
            "INSERT INTO outbox (mutation_id, channel, name, data, headers) VALUES ('1', 'foo', 'test', '{}', '{}')");
        var message = Assert.Single(await ably.WaitForAsync("foo", 1, TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));
        Assert.Equal(("1", "test"), (message.Id, message.Name));
        await Replication.Eventually.TrueAsync(
            async () => await database.ScalarAsync<bool>("SELECT count(*) = 1 AND bool_and(processed) FROM outbox"));
    }

    private void Write(string url, int port, string autoCreate) => File.WriteAllText(
        file,
        $$"""
        ably: { apiKey: "{{ably.Key}}" }
        postgres: { connectionUri: "{{url}}" }
        outboxTable: { autoCreate: {{autoCreate}} }
        nodesTable: { autoCreate: {{autoCreate}} }
        health: { address: "127.0.0.1:{{port.ToString(CultureInfo.InvariantCulture)}}", refreshInterval: 100ms }
        """);

    private static async Task SettledAsync(HttpClient http, string part, string status)
    {
        await Replication.Eventually.TrueAsync(async () =>
        {
            using var response = await http.GetAsync("/health/ready", TestContext.Current.CancellationToken);
            using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
            return body.RootElement.GetProperty("parts").GetProperty(part).GetProperty("status").GetString() == status;
        });
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
