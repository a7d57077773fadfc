using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using SyncEngine.IntegrationTests.Postgres;
using Xunit;

[assembly: AssemblyFixture(typeof(ScratchServer))]

namespace SyncEngine.IntegrationTests.Postgres;

/// <summary>
/// A PostgreSQL of the test run's own, from the binaries on the machine; or the one that <c>SYNCENGINE_TEST_DATABASE</c> names (as a superuser).
/// </summary>
public sealed class ScratchServer : IAsyncLifetime
{
    private readonly string directory = Path.Combine(Path.GetTempPath(), "syncengine-scratch-" + Guid.NewGuid().ToString("N"));
    private bool isOwn;
    private int databases;
    private string connectionString = "";

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("SYNCENGINE_TEST_DATABASE") is { Length: > 0 } given)
        {
            connectionString = given;
            return;
        }

        isOwn = true;
        var port = FreePort();
        Directory.CreateDirectory(directory);
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("chown", "postgres", directory);
        }

        await ServerAsync("initdb", "-D", Data, "-U", "postgres", "-A", "trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8");
        await ServerAsync("pg_ctl", "-D", Data, "-w", "-l", Path.Combine(directory, "log"), "-o", $"-p {port} -k {directory} -c wal_level=logical -c fsync=off -c listen_addresses=127.0.0.1", "start");
        connectionString = $"Host=127.0.0.1;Port={port};Username=postgres;Database=postgres";
    }

    /// <summary>An empty database, and a data source on it with the engine's session settings.</summary>
    public async Task<ScratchDatabase> CreateDatabaseAsync(string how = "")
    {
        var name = "scratch_" + Interlocked.Increment(ref databases).ToString(CultureInfo.InvariantCulture) + "_" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        await using var admin = NpgsqlDataSource.Create(connectionString);
        await using var create = admin.CreateCommand($"CREATE DATABASE {name} {how}");
        await create.ExecuteNonQueryAsync();
        return new ScratchDatabase(name, connectionString);
    }

    public async ValueTask DisposeAsync()
    {
        if (!isOwn)
        {
            return;
        }

        await ServerAsync("pg_ctl", "-D", Data, "-m", "immediate", "-w", "stop");
        await RunAsync("rm", "-rf", directory);
    }

    private string Data => Path.Combine(directory, "data");

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static Task ServerAsync(string program, params string[] arguments)
    {
        var binaries = Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(path => path, StringComparer.Ordinal).First();
        var path = Path.Combine(binaries, "bin", program);
        return Environment.IsPrivilegedProcess
            ? RunAsync("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", path, .. arguments])
            : RunAsync(path, arguments);
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        // pg_ctl hands its output to the server, which keeps it open; so it is not read.
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" \"$@\" >/dev/null 2>&1", program, .. arguments]))!;
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}");
    }
}

/// <summary>A database of one test's own.</summary>
public sealed class ScratchDatabase : IAsyncDisposable
{
    private readonly string name;
    private readonly string serverConnectionString;
    private readonly List<NpgsqlDataSource> others = [];

    public ScratchDatabase(string name, string serverConnectionString)
    {
        this.name = name;
        this.serverConnectionString = serverConnectionString;
        DataSource = NpgsqlDataSource.Create(ConnectionString("postgres"));
    }

    /// <summary>As the superuser.</summary>
    public NpgsqlDataSource DataSource { get; }

    public NpgsqlDataSource As(string role)
    {
        var source = NpgsqlDataSource.Create(ConnectionString(role));
        others.Add(source);
        return source;
    }

    public async Task RunAsync(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ReadAsync<T>(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public Task<uint> OidAsync(string relation) => ReadAsync<uint>($"SELECT '{relation}'::regclass::oid");

    public async ValueTask DisposeAsync()
    {
        await DataSource.DisposeAsync();
        foreach (var other in others)
        {
            await other.DisposeAsync();
        }

        await using var admin = NpgsqlDataSource.Create(serverConnectionString);
        await using var drop = admin.CreateCommand($"DROP DATABASE {name} WITH (FORCE)");
        await drop.ExecuteNonQueryAsync();
    }

    private string ConnectionString(string role) => new NpgsqlConnectionStringBuilder(serverConnectionString)
    {
        Database = name,
        Username = role,
        Timezone = "UTC",
        MaxPoolSize = 5,
        Options = "-c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1 -c bytea_output=hex",
    }.ConnectionString;
}
