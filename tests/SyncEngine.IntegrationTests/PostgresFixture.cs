using System.Globalization;
using Dapper;
using Npgsql;
using SyncEngine.IntegrationTests;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Embedded;
using SyncEngine.Postgres.Sessions;
using Xunit;

[assembly: AssemblyFixture(typeof(PostgresFixture))]

// Tests on the shared server take turns: transaction ids and WAL positions are the whole server's, and a slot waits for everybody's
// transactions.
// A class with servers of its own says so with a collection of its own, and runs beside them.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]

namespace SyncEngine.IntegrationTests;

/// <summary>The source of databases for tests. The embedded server is one; a container could be another.</summary>
public interface IPostgresServer
{
    /// <summary>A fresh database, dropped with all its sessions and slots when disposed of.</summary>
    /// <param name="options">Of CREATE DATABASE, such as its template and locale.</param>
    Task<TestDatabase> CreateDatabaseAsync(string options = "");
}

/// <summary>
/// One PostgreSQL for the whole run: the machine's, or the major that the environment variable SYNC_TEST_POSTGRES names (14 to 18).
/// A test class takes it in its constructor and asks for a database of its own.
/// </summary>
/// <remarks>
/// Its folder is kept between runs, so that a run that was killed leaves nothing behind for good: the next one takes over its server and
/// drops its databases.
/// A run beside another one takes the next folder.
/// </remarks>
public sealed class PostgresFixture : IPostgresServer, IAsyncLifetime
{
    private const string Prefix = "test_";

    private EmbeddedPostgres? server;
    private int created;

    internal EmbeddedPostgres Server => server ?? throw new InvalidOperationException("the fixture has not been initialised");

    public int Major => Server.Major;

    public async ValueTask InitializeAsync()
    {
        var major = Environment.GetEnvironmentVariable("SYNC_TEST_POSTGRES") is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : (int?)null;
        server = await StartAsync(major);
        await using var connection = new NpgsqlConnection(Server.ConnectionString);
        foreach (var leftover in await connection.QueryAsync<string>($"SELECT datname FROM pg_database WHERE datname LIKE '{Prefix}%'"))
        {
            await DropAsync(leftover);
        }

        foreach (var leftover in await connection.QueryAsync<string>("SELECT rolname FROM pg_roles WHERE oid >= 16384"))
        {
            await connection.ExecuteAsync($"DROP ROLE {Quoting.Identifier(leftover)}");
        }
    }

    public async Task<TestDatabase> CreateDatabaseAsync(string options = "")
    {
        var name = Prefix + Interlocked.Increment(ref created).ToString(CultureInfo.InvariantCulture);
        await using var connection = new NpgsqlConnection(Server.ConnectionString);
        await connection.ExecuteAsync($"CREATE DATABASE {name} {options}");
        return new TestDatabase(new NpgsqlConnectionStringBuilder(Server.ConnectionString) { Database = name }, () => DropAsync(name));
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
        {
            await server.DisposeAsync();
        }
    }

    private static async Task<EmbeddedPostgres> StartAsync(int? major)
    {
        for (var number = 1; ; number++)
        {
            try
            {
                return await EmbeddedPostgres.StartAsync(
                    new EmbeddedPostgresOptions
                    {
                        Major = major,
                        DataFolder = Path.Combine(
                            Path.GetTempPath(),
                            $"syncengine-tests-{Environment.UserName}",
                            $"{major?.ToString(CultureInfo.InvariantCulture) ?? "machine"}-{number.ToString(CultureInfo.InvariantCulture)}"),
                        Demo = false,
                        Settings = new Dictionary<string, string>(StringComparer.Ordinal)
                        {
                            ["fsync"] = "off",
                            ["synchronous_commit"] = "on",
                            ["full_page_writes"] = "off",
                            ["max_wal_senders"] = "60",
                            ["max_replication_slots"] = "60",
                            ["max_connections"] = "400",
                            ["max_prepared_transactions"] = "10",
                        },
                    },
                    _ => { },
                    TimeProvider.System,
                    CancellationToken.None);
            }
            catch (OperatorException exception) when (number < 8 && exception.Message.Contains("another engine", StringComparison.Ordinal))
            {
                // Another run has this folder.
            }
        }
    }

    /// <remarks>A database with slots or prepared transactions cannot be dropped, nor a slot that is being read: they go first.</remarks>
    private async Task DropAsync(string name)
    {
        await using var connection = new NpgsqlConnection(Server.ConnectionString);
        foreach (var prepared in await connection.QueryAsync<string>(
            "SELECT gid FROM pg_prepared_xacts WHERE database = @name", new { name }))
        {
            await using var inside = new NpgsqlConnection(
                new NpgsqlConnectionStringBuilder(Server.ConnectionString) { Database = name, Pooling = false }.ConnectionString);
            await inside.ExecuteAsync($"ROLLBACK PREPARED {Quoting.Literal(prepared)}");
        }

        await connection.ExecuteAsync($"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false");
        await connection.ExecuteAsync("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = @name", new { name });
        await connection.ExecuteAsync(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = @name", new { name });
        await connection.ExecuteAsync($"DROP DATABASE {name} WITH (FORCE)");
    }
}

/// <summary>A database of one test class.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    /// <summary>The privileges that a login role is granted.</summary>
    public const string RolePassword = "secret";

    private readonly Func<Task> drop;
    private readonly List<NpgsqlDataSource> others = [];

    internal TestDatabase(NpgsqlConnectionStringBuilder address, Func<Task> drop)
    {
        this.drop = drop;
        Address = address;
        DataSource = NpgsqlDataSource.Create(address);
    }

    /// <summary>As a superuser.</summary>
    public NpgsqlConnectionStringBuilder Address { get; }

    public string ConnectionString => Address.ConnectionString;

    public string Name => Address.Database!;

    public string Url =>
        $"postgres://{Address.Username}:{Address.Password}@{Address.Host}:{Address.Port.ToString(CultureInfo.InvariantCulture)}/{Name}";

    /// <summary>Pooled connections as a superuser, with PostgreSQL's own settings.</summary>
    public NpgsqlDataSource DataSource { get; }

    /// <summary>Pooled connections as another role, which was made with <see cref="RolePassword"/>.</summary>
    public NpgsqlDataSource As(string role)
    {
        var source = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(ConnectionString) { Username = role, Password = RolePassword });
        others.Add(source);
        return source;
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var connection = await DataSource.OpenConnectionAsync();
        await connection.ExecuteAsync(sql);
    }

    public async Task<T?> ScalarAsync<T>(string sql)
    {
        await using var connection = await DataSource.OpenConnectionAsync();
        return await connection.ExecuteScalarAsync<T>(sql);
    }

    public Task<uint> OidAsync(string relation) => ScalarAsync<uint>($"SELECT '{relation}'::regclass::oid");

    public async ValueTask DisposeAsync()
    {
        await DataSource.DisposeAsync();
        foreach (var other in others)
        {
            await other.DisposeAsync();
        }

        await drop();
    }
}
