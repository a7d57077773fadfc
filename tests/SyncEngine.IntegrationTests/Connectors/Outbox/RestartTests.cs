using System.Globalization;
using Dapper;
using Npgsql;
using SyncEngine.IntegrationTests.Replication;
using SyncEngine.Postgres.Embedded;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>A PostgreSQL that stops and comes back while nodes publish from it.</summary>
[Collection("servers of their own")]
public sealed class RestartTests : IAsyncLifetime, IPostgresServer
{
    private readonly string folder = Path.Combine(Path.GetTempPath(), $"syncengine-outbox-{Guid.NewGuid():N}");
    private EmbeddedPostgres server = null!;

    public async ValueTask InitializeAsync() => server = await StartAsync();

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    public async Task<TestDatabase> CreateDatabaseAsync(string options = "")
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString + ";Pooling=false");
        await connection.ExecuteAsync($"CREATE DATABASE outbox {options}");
        return new TestDatabase(
            new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = "outbox" }, () => Task.CompletedTask);
    }

    [Fact]
    public async Task Two_nodes_go_on_after_a_restart_of_the_server_under_load()
    {
        await using var run = await AblyRun.CreateAsync(this);
        TestNode[] nodes = [run.Start(), run.Start()];
        var load = run.StartLoad(31);
        await run.ProgressAsync(200);
        await server.StopAsync(CancellationToken.None);
        await Eventually.TrueAsync(() => Task.FromResult(nodes.All(node => node.Health.OutboxErrors > 0)));
        server = await StartAsync();
        await run.ProgressAsync(200);
        await load.EndAsync();
        await run.CompleteAsync();
        await Eventually.TrueAsync(() => Task.FromResult(nodes.All(node => node.Health is { Mode: "full: 2 nodes", Fault: null })));
    }

    private Task<EmbeddedPostgres> StartAsync() => EmbeddedPostgres.StartAsync(
        new EmbeddedPostgresOptions
        {
            DataFolder = folder,
            Demo = false,
            Major = Environment.GetEnvironmentVariable("SYNC_TEST_POSTGRES") is { Length: > 0 } major
                ? int.Parse(major, CultureInfo.InvariantCulture)
                : null,
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["fsync"] = "off" },
        },
        _ => { },
        TimeProvider.System,
        CancellationToken.None);
}
