using System.Globalization;
using Dapper;
using Npgsql;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Postgres.Embedded;

/// <summary>
/// A real PostgreSQL server of the engine's own, for trying things out and for tests.
/// </summary>
/// <remarks>
/// Lifecycle: starts with <see cref="StartAsync"/>, ends with <see cref="StopAsync"/>; one engine owns a data folder at a time, another one
/// is refused.
/// Backpressure: none. Stored: everything in the data folder, password included; port and so the URL stay the same while the port is free.
/// After a crash of the engine the server goes on: the next start takes it over if it answers, else stops it and starts again.
/// After a crash of both, PostgreSQL recovers itself.
/// </remarks>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    public const string DatabaseName = "syncengine";

    /// <summary>A superuser of the embedded server.</summary>
    public const string UserName = "syncengine";

    private static readonly TimeSpan pollInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>Time that a server that was left running has to answer before it is stopped.</summary>
    private static readonly TimeSpan takeOverTimeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan stopTimeout = TimeSpan.FromSeconds(30);

    private readonly PostgresPrograms programs;
    private readonly DataFolder folder;
    private readonly DatabaseCluster cluster;
    private readonly ServerControl control;
    private readonly TimeProvider time;
    private readonly Action<string> report;
    private FileStream? ownership;

    private EmbeddedPostgres(PostgresPrograms programs, Action<string> report, TimeProvider time)
    {
        this.programs = programs;
        this.report = report;
        this.time = time;
        folder = programs.Folder;
        cluster = new DatabaseCluster(programs, report);
        control = new ServerControl(programs, cluster);
    }

    public int Major => programs.Major;

    public int Port { get; private set; }

    public string Password { get; private set; } = "";

    /// <summary>For people and psql: <c>postgres://user:password@127.0.0.1:port/database</c>.</summary>
    public string ConnectionUrl =>
        $"postgres://{UserName}:{Password}@127.0.0.1:{Port.ToString(CultureInfo.InvariantCulture)}/{DatabaseName}";

    /// <summary>For Npgsql.</summary>
    public string ConnectionString => Address(DatabaseName).ConnectionString;

    public string Folder => folder.Root;

    /// <summary>This object will stop the server; false when another engine runs it.</summary>
    public bool IsOwner => ownership is not null;

    /// <summary>The id of the server's process; null when it does not run.</summary>
    public int? ProcessId => folder.ReadPostmasterFile()?.ProcessId;

    /// <summary>Starts the server, or takes over the one that a crashed engine left running.</summary>
    /// <param name="report">Gets a line for each step that takes long.</param>
    /// <exception cref="OperatorException">The server cannot be started, or another engine runs on the same folder.</exception>
    public static Task<EmbeddedPostgres> StartAsync(
        EmbeddedPostgresOptions options, Action<string> report, TimeProvider time, CancellationToken cancellationToken) =>
        OpenAsync(options, report, time, mayAttach: false, cancellationToken);

    /// <summary>
    /// As <see cref="StartAsync"/>, but beside an engine that runs the server already: then that one is used, and left running.
    /// </summary>
    public static Task<EmbeddedPostgres> AttachOrStartAsync(
        EmbeddedPostgresOptions options, Action<string> report, TimeProvider time, CancellationToken cancellationToken) =>
        OpenAsync(options, report, time, mayAttach: true, cancellationToken);

    /// <summary>Ends sessions and stops the server, durably. The data stays.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (ownership is null)
        {
            return;
        }

        await control.StopAsync("fast", stopTimeout, cancellationToken);
        await ownership.DisposeAsync();
        ownership = null;
    }

    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

    private static async Task<EmbeddedPostgres> OpenAsync(
        EmbeddedPostgresOptions options, Action<string> report, TimeProvider time, bool mayAttach, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var deadline = new CancellationTokenSource(options.StartTimeout, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            var programs = await ServerChoice.MakeAsync(options, report, linked.Token);
            var server = new EmbeddedPostgres(programs, report, time);
            await server.OpenAsync(options, mayAttach, linked.Token);
            return server;
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or IOException)
        {
            throw new OperatorException(
                $"the embedded PostgreSQL's folder cannot be used: {exception.Message.TrimEnd('.')}; "
                    + "choose another with SyncEngine:Embedded:DataFolder",
                exception);
        }
        catch (NpgsqlException exception)
        {
            throw new OperatorException(
                $"the embedded PostgreSQL refuses its own engine: {DatabaseProblem.Describe(exception, null)}", exception);
        }
        catch (OperationCanceledException exception) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new OperatorException(
                $"the embedded PostgreSQL did not start within {options.StartTimeout.TotalSeconds:0} s: "
                    + "see postgres.log in its data folder",
                exception);
        }
    }

    private async Task OpenAsync(EmbeddedPostgresOptions options, bool mayAttach, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder.Root);
        ownership = folder.TryLock();
        if (ownership is null)
        {
            if (!mayAttach)
            {
                throw new OperatorException(
                    $"another engine runs the PostgreSQL in {folder.Root}: stop it, "
                        + "or choose another folder with SyncEngine:Embedded:DataFolder");
            }

            await AttachAsync(cancellationToken);
            return;
        }

        try
        {
            if (!await TryTakeOverAsync(cancellationToken))
            {
                Password = await cluster.EnsureAsync(
                    UserName, isDurable: options.Settings.GetValueOrDefault("fsync") != "off", cancellationToken);
                Port = await control.StartAsync(options, cancellationToken);
            }

            folder.WritePort(Port);
            await CreateDatabaseAsync(cancellationToken);
            if (options.Demo && !File.Exists(folder.DemoMark))
            {
                await DemoSchema.LoadAsync(ConnectionString, cancellationToken);
                await File.WriteAllTextAsync(folder.DemoMark, "", cancellationToken);
            }
        }
        catch
        {
            await ownership.DisposeAsync();
            ownership = null;
            throw;
        }
    }

    /// <summary>Waits until the server that another engine owns is up.</summary>
    private async Task AttachAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (folder.ReadPostmasterFile() is { } running && File.Exists(folder.PasswordFile))
            {
                (Port, Password) = (running.Port, folder.ReadPassword());
                if (await AnswersAsync(DatabaseName, cancellationToken))
                {
                    return;
                }
            }

            await Task.Delay(pollInterval, time, cancellationToken);
        }
    }

    /// <summary>
    /// Handles a server left by a crash: one that answers is taken over, one that does not is stopped, a file without a server is removed.
    /// </summary>
    private async Task<bool> TryTakeOverAsync(CancellationToken cancellationToken)
    {
        if (folder.ReadPostmasterFile() is not { } left)
        {
            return false;
        }

        if (!left.IsAlive())
        {
            // The process id may belong to another program by now, which PostgreSQL would take for a running server.
            File.Delete(Path.Combine(folder.Data, PostmasterFile.Name));
            return false;
        }

        report($"Recovering the PostgreSQL that an earlier run left in {folder.Root}");
        if (File.Exists(folder.PasswordFile))
        {
            (Port, Password) = (left.Port, folder.ReadPassword());
            for (var started = time.GetTimestamp(); left.IsAlive() && time.GetElapsedTime(started) < takeOverTimeout;)
            {
                if (await AnswersAsync("postgres", cancellationToken))
                {
                    return true;
                }

                await Task.Delay(pollInterval, time, cancellationToken);
            }
        }

        // It hangs, or is about to end.
        await control.StopAsync("immediate", takeOverTimeout, cancellationToken);
        return false;
    }

    /// <summary>Checks that the server on the port accepts our password and is the one of this folder.</summary>
    private async Task<bool> AnswersAsync(string database, CancellationToken cancellationToken)
    {
        try
        {
            var address = Address(database);
            address.Timeout = 2;
            address.Pooling = false;
            await using var connection = new NpgsqlConnection(address.ConnectionString);
            await connection.OpenAsync(cancellationToken);
            var answer = await connection.ExecuteScalarAsync<string>(new CommandDefinition(
                "SHOW data_directory", cancellationToken: cancellationToken));
            return answer == folder.ReadPostmasterFile()?.DataDirectory;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private async Task CreateDatabaseAsync(CancellationToken cancellationToken)
    {
        var address = Address("postgres");
        address.Pooling = false;
        await using var connection = new NpgsqlConnection(address.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        var exists = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "SELECT EXISTS (SELECT FROM pg_database WHERE datname = @DatabaseName)",
            new { DatabaseName },
            cancellationToken: cancellationToken));
        if (!exists)
        {
            await connection.ExecuteAsync(new CommandDefinition($"CREATE DATABASE {DatabaseName}", cancellationToken: cancellationToken));
        }
    }

    private NpgsqlConnectionStringBuilder Address(string database) => new()
    {
        Host = "127.0.0.1",
        Port = Port,
        Username = UserName,
        Password = Password,
        Database = database,
    };
}
