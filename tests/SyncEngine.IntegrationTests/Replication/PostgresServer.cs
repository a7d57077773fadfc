using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using SyncEngine.IntegrationTests.Replication;
using Xunit;

[assembly: AssemblyFixture(typeof(PostgresServer))]

namespace SyncEngine.IntegrationTests.Replication;

/// <summary>A server for the replication tests: the one that SYNCENGINE_TEST_DATABASE names, else one of its own that ends with the tests.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private const string Binaries = "/usr/lib/postgresql/15/bin";
    private string? directory;

    /// <summary>Of a superuser.</summary>
    public string ConnectionString { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("SYNCENGINE_TEST_DATABASE") is { Length: > 0 } given)
        {
            ConnectionString = given;
            return;
        }

        directory = Directory.CreateTempSubdirectory("syncengine-pg-").FullName;
        var port = FreePort();
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("chown", "postgres", directory);
        }

        await RunAsServerUserAsync($"{Binaries}/initdb", "-D", $"{directory}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync");
        await RunAsServerUserAsync(
            $"{Binaries}/pg_ctl", "-D", $"{directory}/data", "-w", "-l", $"{directory}/log", "-o",
            $"-p {port} -k {directory} -c listen_addresses=127.0.0.1 -c wal_level=logical -c fsync=off -c max_prepared_transactions=4 -c max_wal_senders=20 -c max_replication_slots=20",
            "start");
        ConnectionString = $"Host=127.0.0.1;Port={port};Username=postgres;Database=postgres";
    }

    public async ValueTask DisposeAsync()
    {
        if (directory is not null)
        {
            await RunAsServerUserAsync($"{Binaries}/pg_ctl", "-D", $"{directory}/data", "-m", "immediate", "-w", "stop");
            Directory.Delete(directory, recursive: true);
        }
    }

    public async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        return connection;
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private static Task RunAsServerUserAsync(string program, params string[] arguments) => Environment.IsPrivilegedProcess
        ? RunAsync("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", program, .. arguments])
        : RunAsync(program, arguments);

    private static async Task RunAsync(string program, params string[] arguments)
    {
        // Not redirected: the server that pg_ctl starts would keep the pipe open.
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = "/" };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec \"$@\" >/dev/null 2>&1");
        start.ArgumentList.Add("sh");
        start.ArgumentList.Add(program);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} ended with {process.ExitCode.ToString(CultureInfo.InvariantCulture)}");
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
