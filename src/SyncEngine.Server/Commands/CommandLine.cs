using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Globalization;
using System.Reflection;
using Npgsql;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;
using SyncEngine.Server.Options.Adbc;

namespace SyncEngine.Server.Commands;

/// <summary>What Program.cs does next: end with the code, or run the server with the arguments.</summary>
sealed record CommandLineOutcome(int? ExitCode, string[] ServerArguments);

/// <summary>
/// What is asked for on the command line: <c>check</c>, <c>setup</c>, <c>uninstall</c>, <c>replay-dead-letters</c>, help, the version, or the server.
/// </summary>
/// <remarks>
/// Every other argument is ordinary configuration (<c>--SyncEngine:Room:Option=value</c>, <c>--urls …</c>) and passed on as it came.
/// Exit codes: 0 all is well, 1 something is missing or failed, 2 the arguments make no sense.
/// </remarks>
sealed class CommandLine
{
    private const int Failed = 1;

    private const int Misunderstood = 2;

    private static readonly string[] HostKeys = ["urls", "http_ports", "https_ports", "environment", "contentRoot", "webRoot", "applicationName", "DATABASE_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"];

    private readonly RootCommand root;
    private readonly TextWriter output;
    private readonly TextWriter error;
    private readonly TimeProvider time;
    private readonly CommandParts parts;
    private readonly Option<bool> version = new("--version") { Description = "Print name and version" };
    private readonly Option<string> database = new("--database")
    {
        Description = "The database: a postgres:// URL or a libpq or Npgsql key-value string (also DATABASE_URL)",
        HelpName = "address",
        Recursive = true,
    };

    private string[] passedOn = [];
    private bool isServer;

    public CommandLine(CommandParts parts, TextWriter output, TextWriter error, TimeProvider time)
    {
        this.parts = parts;
        this.output = output;
        this.error = error;
        this.time = time;

        root = new RootCommand("SyncEngine keeps query results of a PostgreSQL database live in browsers. Without a command it runs the server.\n"
            + "Every option of the configuration can be given as --SyncEngine:Room:Option=value, as the environment variable SyncEngine__Room__Option, or in appsettings.json.");
        root.TreatUnmatchedTokensAsErrors = false;
        root.Options.Clear();
        root.Directives.Clear();
        root.Add(new HelpOption());
        root.Add(version);
        root.Add(database);
        foreach (var file in PassedThrough)
        {
            root.Add(file);
        }

        foreach (var (flag, _) in AdbcFlags)
        {
            root.Add(flag);
        }

        root.SetAction(RunServer);
        root.Add(Installation("check", "Verify the configuration against the database: one line for each finding, with the SQL that mends it", all => all.Installations, (part, token) => part.CheckAsync(token)));
        root.Add(Installation("setup", "Create publication, slot, helper SQL and what configured parts need in the database; run it as often as you like", all => all.Installations, (part, token) => part.InstallAsync(token)));
        // The engine's own part comes last, as it removes the schema that the others keep their tables in.
        root.Add(Installation("uninstall", "Remove publication, slot and helper SQL from the database", all => all.Installations.Reverse(), (part, token) => part.UninstallAsync(token)));
        root.Add(new Command("create", "Create the outbox's tables, as adbc's \"create tables\"")
        {
            Installation("tables", "Create the outbox and nodes tables, notify function and trigger", all => [all.Outbox ?? throw NoOutbox()], (part, token) => part.InstallAsync(token)),
        });
        root.Add(Replay());
    }

    /// <summary>Options of other parts, listed here for the help; they travel on as configuration.</summary>
    private static IReadOnlyList<Option<string>> PassedThrough { get; } =
    [
        new("--urls") { Description = "Where to listen (default http://localhost:5080)", HelpName = "addresses" },
        File("--connector-config", "Run an outbox with the configuration of the Ably Postgres connector (.json or .env)"),
        File("--adbc-config", "Run an outbox with the configuration of adbc (YAML)", "--config"),
        File("--event-proxy-config", "Run event bridges with the configuration of the event proxy (ini)"),
        File("--eventserv-config", "Serve NOTIFY with the configuration of pg_eventserv (TOML)"),
    ];

    /// <summary>adbc's own flags. They travel in a section of their own: some have names that mean something else to others.</summary>
    private static IReadOnlyList<(Option<string> Option, AdbcKey Key)> AdbcFlags { get; } =
        [.. AdbcKey.All.Select(key => (new Option<string>($"--{key.Flag}")
        {
            Description = $"adbc: {key.Description}",
            HelpName = key.Kind.ToString().ToLowerInvariant(),
            Recursive = true,
            Arity = key.Kind == AdbcKind.Boolean ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
        }, key))];

    /// <summary>Runs the command that is asked for; the server itself is left to the caller.</summary>
    public async Task<CommandLineOutcome> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        // A file after '@' would be opened otherwise, and "-abc" taken apart.
        var parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        passedOn = [.. PassedOn(parsed)];
        if (Stray(passedOn) is { } stray)
        {
            await error.WriteLineAsync($"error: \"{stray}\" is not a command or an option; see --help");
            return new CommandLineOutcome(Misunderstood, []);
        }

        if (parsed.Action is ParseErrorAction)
        {
            await error.WriteLineAsync($"error: {parsed.Errors[0].Message.TrimEnd('.')}; see --help");
            return new CommandLineOutcome(Misunderstood, []);
        }

        isServer = false;
        var exitCode = await parsed.InvokeAsync(
            new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(30) }, cancellationToken);
        return isServer ? new CommandLineOutcome(null, passedOn) : new CommandLineOutcome(exitCode, []);
    }

    /// <summary>Prints an exception as one line when it is one that the operator can mend. Also for the host's start.</summary>
    /// <returns>Whether it was.</returns>
    public static bool TryReport(Exception exception, MainDatabase? database, TextWriter error)
    {
        if ((database is null ? DatabaseProblem.Describe(exception, address: null) : DatabaseProblem.Describe(exception, database.Address, database.Origin)) is not { } line)
        {
            return false;
        }

        error.WriteLine($"error: {line}");
        return true;
    }

    private int RunServer(ParseResult parsed)
    {
        if (parsed.GetValue(version))
        {
            output.WriteLine($"SyncEngine {typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion}");
            return 0;
        }

        isServer = true;
        return 0;
    }

    private Command Installation(
        string name, string description, Func<DatabaseParts, IEnumerable<IInstallation>> choose, Func<IInstallation, CancellationToken, IAsyncEnumerable<Finding>> run)
    {
        var command = ForDatabase(name, description);
        command.SetAction((_, cancellationToken) => RunOnDatabaseAsync((parts, token) => choose(parts).ToAsyncEnumerable().SelectMany(part => run(part, token)), cancellationToken));
        return command;
    }

    private Command Replay()
    {
        var id = new Option<string?>("--id") { Description = "The letter with this id", HelpName = "number" };
        var channel = new Option<string?>("--channel") { Description = "Letters of this channel", HelpName = "name" };
        var code = new Option<string?>("--code") { Description = "Letters that were refused with this code", HelpName = "code" };
        var every = new Option<bool>("--all") { Description = "All of them" };
        var command = ForDatabase("replay-dead-letters", "Put messages that their target had refused for good back into the outbox");
        command.Add(id);
        command.Add(channel);
        command.Add(code);
        command.Add(every);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            long? number = null;
            if (parsed.GetValue(id) is { } text)
            {
                if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var given))
                {
                    await error.WriteLineAsync($"error: --id must be the number of a dead letter, not \"{text}\"");
                    return Misunderstood;
                }

                number = given;
            }

            var filter = new DeadLetterFilter(number, parsed.GetValue(channel), parsed.GetValue(code));
            if (filter == new DeadLetterFilter() && !parsed.GetValue(every))
            {
                await error.WriteLineAsync("error: say which dead letters to put back: --id, --channel, --code, or --all");
                return Misunderstood;
            }

            return await RunOnDatabaseAsync((opened, token) => (opened.DeadLetters ?? throw NoOutbox()).ReplayAsync(filter, token), cancellationToken);
        });
        return command;
    }

    private static OperatorException NoOutbox() => new($"no outbox is configured: set a key of {OutboxOptions.Section}, or give --adbc-config");

    private static Command ForDatabase(string name, string description)
    {
        var command = new Command(name, description) { TreatUnmatchedTokensAsErrors = false };
        foreach (var file in PassedThrough)
        {
            command.Add(file);
        }

        return command;
    }

    private async Task<int> RunOnDatabaseAsync(Func<DatabaseParts, CancellationToken, IAsyncEnumerable<Finding>> run, CancellationToken cancellationToken)
    {
        MainDatabase? database = null;
        try
        {
            var (configuration, contentRoot) = parts.Configure(passedOn);
            // Read before anything is opened or made.
            var outbox = OutboxSettings.Read(configuration);
            foreach (var line in UnknownKeys.Find(configuration))
            {
                await output.WriteLineAsync(new Finding(FindingKind.Note, line).ToString());
            }

            await using var main = await MainDatabase.OpenAsync(
                configuration, contentRoot, parts.FallbackAddress(configuration), mayAttach: true, error.WriteLine, time, cancellationToken);
            database = main;
            main.Address.Pooling = false;
            await using var opened = DatabaseParts.Open(configuration, main, outbox, parts.Further);
            var isComplete = true;
            await foreach (var finding in run(opened, cancellationToken))
            {
                await output.WriteLineAsync(finding.ToString());
                isComplete &= finding.Kind != FindingKind.Missing;
            }

            return isComplete ? 0 : Failed;
        }
        catch (Exception exception) when (TryReport(exception, database, error))
        {
            return Failed;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await error.WriteLineAsync("error: stopped before the end; run it again");
            return Failed;
        }
    }

    private IEnumerable<string> PassedOn(ParseResult parsed)
    {
        if (parsed.GetValue(database) is { } address)
        {
            yield return $"--{DatabaseOptions.Section}:{nameof(DatabaseOptions.Url)}={address}";
        }

        foreach (var file in PassedThrough)
        {
            if (parsed.GetResult(file) is { Tokens: [var token] })
            {
                yield return $"{file.Name}={token.Value}";
            }
        }

        foreach (var (flag, key) in AdbcFlags)
        {
            if (parsed.GetResult(flag) is { Implicit: false } result)
            {
                yield return $"--{AdbcSource.FlagsSection}:{key.Flag}={(result.Tokens.Count > 0 ? result.Tokens[^1].Value : "true")}";
            }
        }

        foreach (var token in parsed.UnmatchedTokens)
        {
            yield return token;
        }
    }

    /// <summary>A word that is neither an option of the configuration nor the value of the one before it: a mistyped command, or a short option.</summary>
    private static string? Stray(string[] arguments)
    {
        for (var at = 0; at < arguments.Length; at++)
        {
            var isValue = at > 0 && IsOption(arguments[at - 1]) && !arguments[at - 1].Contains('=', StringComparison.Ordinal);
            if (IsOption(arguments[at]) ? !IsConfiguration(arguments[at]) : !isValue)
            {
                return arguments[at];
            }
        }

        return null;

        static bool IsOption(string argument) => argument.StartsWith("--", StringComparison.Ordinal);

        // A key of a room has a colon; the host's own keys are few. Anything else is a slip that would go unnoticed: --databse.
        static bool IsConfiguration(string argument)
        {
            var key = argument[2..].Split('=')[0];
            return key.Contains(':', StringComparison.Ordinal) || key.Contains("__", StringComparison.Ordinal) || key.StartsWith("ADBC_", StringComparison.Ordinal) || HostKeys.Contains(key, StringComparer.OrdinalIgnoreCase)
                || PassedThrough.Any(file => file.Name == argument.Split('=')[0]);
        }
    }

    private static Option<string> File(string name, string description, params string[] aliases) => new(name, aliases) { Description = description, HelpName = "file" };
}

/// <summary>What the host knows and the commands need.</summary>
/// <param name="Configure">The configuration as the server would see it for these arguments, and the content root.</param>
/// <param name="FallbackAddress">The database of a replaced tool's configuration; null for none.</param>
/// <param name="Further">What other configured parts keep in the main database, besides the outbox, which may be in another one.</param>
sealed record CommandParts(
    Func<string[], (IConfiguration Configuration, string ContentRoot)> Configure,
    Func<IConfiguration, string?> FallbackAddress,
    Func<IConfiguration, NpgsqlDataSource, IEnumerable<IInstallation>> Further)
{
    /// <summary>The server's ordinary configuration, and the database alone.</summary>
    public static CommandParts Default { get; } = new(ConfigureAsServer, OutboxSettings.FallbackAddress, (_, _) => []);

    public static (IConfiguration Configuration, string ContentRoot) ConfigureAsServer(string[] arguments)
    {
        var builder = ServerConfiguration.CreateBuilder(arguments);
        return (builder.Configuration, builder.Environment.ContentRootPath);
    }
}
