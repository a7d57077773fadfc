using Dapper;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Connectors.Targets;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Notifications;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>A database with an outbox, and nodes that publish it: connectors of this process, each with a pool of its own.</summary>
sealed class OutboxDatabase : IAsyncDisposable
{
    private static readonly string[] scripts =
    [
        "sync/schema.sql", "outbox/outbox.sql", "outbox/nodes.sql", "outbox/notify.sql", "outbox/trigger.sql", "outbox/progress.sql",
        "outbox/dead_letters.sql",
    ];

    private readonly List<TestNode> nodes = [];
    private readonly List<string> roles = [];

    private OutboxDatabase(TestDatabase database) => Database = database;

    public TestDatabase Database { get; }

    /// <summary>Shorter times than in production.</summary>
    public OutboxOptions Options { get; set; } = new()
    {
        Heartbeat = TimeSpan.FromMilliseconds(200),
        NodeExpiry = TimeSpan.FromSeconds(2),
        LockDuration = TimeSpan.FromSeconds(4),
        SafetyPoll = TimeSpan.FromSeconds(1),
        RetryDelay = TimeSpan.FromMilliseconds(20),
        MaxRetryDelay = TimeSpan.FromMilliseconds(200),
    };

    public static async Task<OutboxDatabase> CreateAsync(IPostgresServer server, bool hasProcessed = true, bool hasTrigger = true)
    {
        var outbox = new OutboxDatabase(await server.CreateDatabaseAsync());
        await outbox.CreateTablesAsync(scripts.Where(script => hasTrigger || script != "outbox/trigger.sql"));
        if (!hasProcessed)
        {
            await outbox.ExecuteAsync("ALTER TABLE public.outbox DROP COLUMN processed");
        }

        return outbox;
    }

    public Task CreateTablesAsync(IEnumerable<string>? only = null, OutboxNames? names = null) =>
        ExecuteAsync(string.Join('\n', (only ?? scripts).Select(script => Script(script, names ?? new OutboxNames()))));

    /// <summary>Creates a role that may log in and has no other privilege.</summary>
    public async Task<string> CreateRoleAsync(string name, string options = "")
    {
        var role = $"{Database.Name}_{name}";
        await ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD '{TestDatabase.RolePassword}' {options}");
        roles.Add(role);
        return role;
    }

    public async Task ExecuteAsync(string sql, object? parameters = null)
    {
        await using var connection = await Database.DataSource.OpenConnectionAsync();
        await connection.ExecuteAsync(sql, parameters);
    }

    public async Task<T> ScalarAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = await Database.DataSource.OpenConnectionAsync();
        return (await connection.ExecuteScalarAsync<T>(sql, parameters))!;
    }

    /// <summary>Inserts a row with a unique name.</summary>
    public Task<long> InsertAsync(string channel, string name, string data = "{}") =>
        ScalarAsync<long>(
            "INSERT INTO public.outbox (mutation_id, channel, name, data)"
                + " VALUES (@name, @channel, @name, @data::jsonb) RETURNING sequence_id",
            new { channel, name, data });

    /// <summary>A node that publishes to the target until it is stopped or killed.</summary>
    public TestNode Start(RecordingTarget target, ICommitOrder? order = null, OutboxOptions? options = null) =>
        Start(target.As(new object()), order, options);

    /// <param name="target">The node's own: it ends with it.</param>
    /// <param name="role">The database role, made with <see cref="TestDatabase.RolePassword"/>; a superuser unless given.</param>
    public TestNode Start(IMessageTarget target, ICommitOrder? order = null, OutboxOptions? options = null, string? role = null)
    {
        var address = new NpgsqlConnectionStringBuilder(Database.ConnectionString);
        if (role is not null)
        {
            (address.Username, address.Password) = (role, TestDatabase.RolePassword);
        }

        var node = new TestNode(address.ConnectionString, options ?? Options, target, order);
        nodes.Add(node);
        return node;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes)
        {
            await node.DisposeAsync();
        }

        foreach (var role in roles)
        {
            await ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }

        await Database.DisposeAsync();
    }

    private static string Script(string path, OutboxNames names) => SqlScripts.Read(path)
        .Replace(":\"outbox_schema\"", Quoting.Identifier(names.Schema), StringComparison.Ordinal)
        .Replace(":\"nodes_schema\"", Quoting.Identifier(names.NodesSchema), StringComparison.Ordinal)
        .Replace(":\"outbox_table\"", Quoting.Identifier(names.Table), StringComparison.Ordinal)
        .Replace(":\"nodes_table\"", Quoting.Identifier(names.NodesTable), StringComparison.Ordinal)
        .Replace(":\"outbox_notify\"", Quoting.Identifier($"{names.Table}_notify"), StringComparison.Ordinal)
        .Replace(":\"outbox_trigger\"", Quoting.Identifier($"{names.Schema}_{names.Table}_trigger"), StringComparison.Ordinal);
}

/// <summary>One process of a cluster, with nothing but the outbox.</summary>
sealed class TestNode : IAsyncDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly CancellationTokenSource crashing = new();
    private readonly OutboxMetrics metrics = new();
    private readonly NpgsqlDataSource database;
    private readonly NotificationListener listener;
    private readonly Task running;

    public TestNode(string address, OutboxOptions options, IMessageTarget target, ICommitOrder? order)
    {
        Target = target;
        database = NpgsqlDataSource.Create(SessionSettings.Apply(
            new NpgsqlConnectionStringBuilder(address) { MaxPoolSize = 20, Timeout = 5, CommandTimeout = 10, ApplicationName = "node" }));
        listener = new NotificationListener(
            database, new NotificationListenerOptions(), TimeProvider.System, NullLogger<NotificationListener>.Instance);
        var connector = new OutboxConnector(
            options,
            new OutboxConnections(database, listener, [new TargetRoute("*", target)], order),
            new OutboxInstruments(Health, metrics),
            TimeProvider.System,
            NullLoggerFactory.Instance)
        {
            Crash = crashing.Token,
        };
        running = connector.RunAsync(stopping.Token);
    }

    public OutboxHealth Health { get; } = new(TimeProvider.System);

    public IMessageTarget Target { get; }

    /// <summary>As SIGTERM does.</summary>
    public async Task StopAsync()
    {
        await stopping.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System);
    }

    /// <summary>As kill -9 does: nothing is finished, and the node stays registered.</summary>
    public async Task KillAsync()
    {
        await crashing.CancelAsync();
        await StopAsync();
        await Target.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await Target.DisposeAsync();
        await listener.DisposeAsync();
        await database.DisposeAsync();
        metrics.Dispose();
        stopping.Dispose();
        crashing.Dispose();
    }
}
