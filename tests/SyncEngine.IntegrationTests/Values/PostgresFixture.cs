using System.Diagnostics;
using Npgsql;
using Xunit;

namespace SyncEngine.IntegrationTests.Values;

/// <summary>Tests of values and predicates share one server.</summary>
[CollectionDefinition]
public sealed class ValuesCollection : ICollectionFixture<PostgresFixture>;

/// <summary>
/// A PostgreSQL whose sessions have the engine's settings: the one that SYNCENGINE_TEST_DATABASE names, else a throwaway cluster from the
/// binaries on the machine, reached by its socket and deleted at the end.
/// </summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    private const string Settings = "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=1 -c bytea_output=hex";

    private DirectoryInfo? cluster;

    public NpgsqlDataSource Database { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var given = Environment.GetEnvironmentVariable("SYNCENGINE_TEST_DATABASE");
        var connection = new NpgsqlConnectionStringBuilder(given ?? await StartClusterAsync()) { Options = Settings };
        Database = NpgsqlDataSource.Create(connection.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        if (cluster is not null)
        {
            await RunAsync("pg_ctl", "-D", Data, "-m", "immediate", "-w", "stop");
            cluster.Delete(recursive: true);
        }
    }

    private string Data => Path.Combine(cluster!.FullName, "data");

    private async Task<string> StartClusterAsync()
    {
        cluster = Directory.CreateTempSubdirectory("pg-values-");
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("/bin/chown", "postgres", cluster.FullName);
        }

        await RunAsync("initdb", "-D", Data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync");
        await RunAsync("pg_ctl", "-D", Data, "-w", "-l", Path.Combine(cluster.FullName, "log"),
            "-o", $"-k {cluster.FullName} -c listen_addresses='' -c fsync=off", "start");
        return $"Host={cluster.FullName};Username=postgres;Database=postgres";
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        var isServerProgram = !Path.IsPathRooted(program);
        string[] command = [isServerProgram ? Path.Combine(Binaries(), program) : program, .. arguments];
        if (isServerProgram && Environment.IsPrivilegedProcess)
        {
            command = ["runuser", "-u", "postgres", "--", .. command];
        }

        // The shell keeps the programs' chatter out of the test output.
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "cd / && exec \"$0\" \"$@\" >/dev/null", .. command]))!;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} ended with {process.ExitCode}");
        }
    }

    private static string Binaries() => new[] { "/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt" }
        .Where(Directory.Exists)
        .SelectMany(Directory.GetDirectories)
        .Order(StringComparer.Ordinal)
        .Select(version => Path.Combine(version, "bin"))
        .LastOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")))
        ?? throw new InvalidOperationException("no PostgreSQL server binaries found; name a database in SYNCENGINE_TEST_DATABASE");
}
