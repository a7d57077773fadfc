using Npgsql;
using SyncEngine.Postgres.Embedded;

namespace SyncEngine.Benchmarks.Running;

/// <summary>The parts that the benchmarks of one run share: a PostgreSQL of their own and the report.</summary>
internal sealed class BenchmarkContext : IAsyncDisposable
{
    private readonly EmbeddedPostgres postgres;

    private BenchmarkContext(BenchmarkOptions options, EmbeddedPostgres postgres)
    {
        Options = options;
        this.postgres = postgres;
    }

    public BenchmarkOptions Options { get; }

    public Report Report { get; } = new();

    public string DatabaseUrl => postgres.ConnectionUrl;

    public string DatabaseVersion => $"PostgreSQL {postgres.Major}";

    public static async Task<BenchmarkContext> StartAsync(BenchmarkOptions options, CancellationToken cancellationToken)
    {
        var postgres = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions
            {
                DataFolder = Path.Combine(Path.GetTempPath(), $"syncengine-benchmarks-{Environment.UserName}"),
                Demo = false,
                Settings = new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    ["unix_socket_directories"] = Path.GetTempPath(),
                    ["max_wal_size"] = "4GB",
                    ["max_connections"] = "200",
                },
            },
            Console.WriteLine,
            TimeProvider.System,
            cancellationToken);
        return new BenchmarkContext(options, postgres);
    }

    /// <summary>A superuser's address, over TCP or over the Unix socket.</summary>
    public NpgsqlConnectionStringBuilder Address(bool overUnixSocket = false)
    {
        var address = new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Pooling = false };
        if (overUnixSocket)
        {
            address.Host = Path.GetTempPath();
        }

        return address;
    }

    public async ValueTask DisposeAsync() => await postgres.DisposeAsync();
}
