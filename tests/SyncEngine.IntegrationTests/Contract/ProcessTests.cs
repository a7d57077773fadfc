using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using SyncEngine.IntegrationTests.Client;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>The start, the refused start and the end of the server as a process.</summary>
public sealed class ProcessTests(PostgresFixture postgres)
{
    [Fact]
    public async Task SIGTERM_ends_the_streams_with_an_error_and_the_process_with_zero()
    {
        await using var database = await postgres.CreateDatabaseAsync();
        await database.ExecuteAsync("CREATE TABLE t (id int4 PRIMARY KEY)");
        var (server, address) = await ServerProcess.RunAsync(database.ConnectionString);
        await using var running = server;
        using var http = new SyncHttpClient(address);
        var subscription = await http.SubscribeAsync("SELECT id FROM t");
        var hub = await SyncHubClient.ConnectAsync(address);
        await using var watch = Watch.OfSubscription(hub, hub.StreamAsync(subscription.SubscriptionId), subscription, from: null);
        await using var open = Watch.OfConnection(await SyncHubClient.ConnectAsync(address));
        var attached = await open.AttachAsync(subscription);
        using var reader = new SyncHttpClient(address);
        await using var events = Watch.OfSubscription(hub, reader.EventsAsync(subscription.SubscriptionId), subscription, from: null);
        await watch.LiveAsync();
        await events.LiveAsync();
        await open.UntilAsync(() => attached.Stage == ResultStage.Live, "live");

        server.Terminate();

        await watch.FrameAsync("error", code: "shutting_down");
        await events.FrameAsync("error", code: "shutting_down");
        await open.FrameAsync("error", code: "shutting_down");
        Assert.Equal(0, await server.ExitCodeAsync());
        Assert.DoesNotContain("   at ", server.Output + server.Error);
        Assert.Equal(0, await database.ScalarAsync<int>("SELECT count(*)::int FROM pg_replication_slots WHERE database = current_database()"));
    }

    [Fact]
    public async Task A_port_in_use_is_one_line()
    {
        await using var database = await postgres.CreateDatabaseAsync();
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        await FailsAsync(port, "--SyncEngine:Database:Url=" + database.ConnectionString, "--urls=http://127.0.0.1:" + port);
    }

    [Fact]
    public async Task A_database_that_does_not_exist_is_one_line() => await FailsAsync(
        "no_such_database",
        "--SyncEngine:Database:Url=" + new NpgsqlConnectionStringBuilder(postgres.Server.ConnectionString) { Database = "no_such_database" }.ConnectionString);

    [Fact]
    public async Task A_wrong_password_is_one_line_without_the_password()
    {
        var error = await FailsAsync(
            "no_such_user",
            "--SyncEngine:Database:Url=" + new NpgsqlConnectionStringBuilder(postgres.Server.ConnectionString) { Username = "no_such_user", Password = "hush-hush" }.ConnectionString);
        Assert.DoesNotContain("hush-hush", error);
    }

    [Fact]
    public async Task A_database_that_cannot_be_reached_is_one_line()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        var error = await FailsAsync("cannot reach", $"--SyncEngine:Database:Url=postgres://someone:hush-hush@127.0.0.1:{port}/app");
        Assert.DoesNotContain("hush-hush", error);
    }

    [Theory]
    [InlineData("rubbish")]
    [InlineData("mysql://localhost/app")]
    [InlineData("Host=localhost;NoSuchKey=1")]
    public async Task An_address_that_cannot_be_read_is_one_line(string address) => await FailsAsync("error: ", "--SyncEngine:Database:Url=" + address);

    [Theory]
    [InlineData("SyncEngine:Limits:RowsPerResult", "many")]
    [InlineData("SyncEngine:Limits:RowsPerResult", "0")]
    [InlineData("SyncEngine:Delivery:CutInterval", "soon")]
    [InlineData("SyncEngine:Authentication:PublicKey", "not a key")]
    [InlineData("SyncEngine:Replication:SlotName", "Not A Slot")]
    public async Task An_option_that_makes_no_sense_is_one_line_that_names_it(string key, string value) =>
        await FailsAsync(key, "--SyncEngine:Database:Url=" + postgres.Server.ConnectionString, $"--{key}={value}");

    [Theory]
    [InlineData("SyncEngine:Authentication:Secret", "short")]
    [InlineData("SyncEngine:Cors:Origins", "not an origin")]
    [InlineData("SyncEngine:Otlp:Endpoint", "not a URL")]
    [InlineData("SyncEngine:Queries:Named:empty:Sql", "")]
    public async Task A_wrong_option_ends_the_start_before_anything_is_created(string key, string value)
    {
        var folder = Directory.CreateTempSubdirectory("syncengine-options-");
        try
        {
            var data = Path.Combine(folder.FullName, "data");
            await FailsAsync(key[..key.LastIndexOf(':')], $"--SyncEngine:Embedded:DataFolder={data}", $"--{key}={value}");
            Assert.False(Directory.Exists(data));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_role_that_may_not_replicate_is_one_line()
    {
        await using var database = await postgres.CreateDatabaseAsync();
        var role = database.Name + "_plain";
        await database.ExecuteAsync($"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD 'plain'");
        try
        {
            await FailsAsync(
                "REPLICATION",
                "--SyncEngine:Database:Url=" + new NpgsqlConnectionStringBuilder(database.ConnectionString) { Username = role, Password = "plain", Pooling = false }.ConnectionString);
        }
        finally
        {
            await database.ExecuteAsync($"DROP ROLE {role}");
        }
    }

    [Fact]
    public async Task An_unknown_word_is_refused() => await FailsAsync("serve", "serve");

    /// <summary>One line on standard error, an exit code that is not zero, and no word of how the program is made.</summary>
    private static async Task<string> FailsAsync(string names, params string[] arguments)
    {
        await using var server = ServerProcess.Start(arguments.Any(argument => argument.StartsWith("--urls", StringComparison.Ordinal)) ? arguments : ["--urls=http://127.0.0.1:0", .. arguments]);
        Assert.NotEqual(0, await server.ExitCodeAsync());
        var error = server.Error;
        Assert.True(error.Trim().Split('\n').Length == 1, error);
        Assert.Contains(names, error);
        Assert.StartsWith("error: ", error);
        Assert.DoesNotContain("   at ", error + server.Output);
        Assert.DoesNotContain("Exception", error + server.Output);
        return error;
    }
}
