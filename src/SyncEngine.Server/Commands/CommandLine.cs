using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using SyncEngine.Server.Observability;

namespace SyncEngine.Server.Commands;

/// <summary>The next step of Program.cs: end with the code, or run the server with the arguments.</summary>
sealed record CommandLineOutcome(int? ExitCode, string[] ServerArguments);

/// <summary>
/// Runs what the command line asks for: <c>check</c>, <c>setup</c>, <c>uninstall</c>, <c>create tables</c>, <c>replay-dead-letters</c>,
/// help, the version.
/// The server itself is left to the caller.
/// </summary>
/// <remarks>
/// Every other argument is ordinary configuration (<c>--SyncEngine:Room:Option=value</c>, <c>--urls …</c>) and is passed on as it came.
/// </remarks>
sealed class CommandLine
{
    private const string About =
        "SyncEngine keeps the results of SQL queries on PostgreSQL live for web clients. Without a command it runs the server.\n"
        + "Every option of the configuration can be given as --SyncEngine:Section:Option=value, "
        + "as the environment variable SyncEngine__Section__Option, or in appsettings.json.";

    private readonly RootCommand root = new(About) { TreatUnmatchedTokensAsErrors = false };
    private readonly ServerArguments arguments = new();
    private readonly TextWriter output;
    private readonly TextWriter error;

    public CommandLine(TextWriter output, TextWriter error, TimeProvider time)
    {
        this.output = output;
        this.error = error;
        root.Options.Clear();
        root.Directives.Clear();
        root.Add(new HelpOption());
        root.Add(Version);
        arguments.AddTo(root);
        root.SetAction(RunServer);
        var databases = new DatabaseCommands(arguments, output, error, time);
        foreach (var command in InstallationCommands.Create(databases).Append(ReplayDeadLettersCommand.Create(databases, error)))
        {
            root.Add(command);
        }
    }

    private static Option<bool> Version { get; } = new("--version") { Description = "Print name and version" };

    /// <summary>Runs the command that is asked for.</summary>
    public async Task<CommandLineOutcome> RunAsync(string[] given, CancellationToken cancellationToken)
    {
        // By default a file after '@' is opened, and "-abc" is read as three options.
        var parsed = root.Parse(given, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        arguments.Read(parsed);
        if (arguments.FindUnknown() is { } unknown)
        {
            await error.WriteLineAsync($"error: \"{unknown}\" is not a command or an option; see --help");
            return new CommandLineOutcome(ExitCode.InvalidArguments, []);
        }

        if (parsed.Action is ParseErrorAction)
        {
            await error.WriteLineAsync($"error: {parsed.Errors[0].Message.TrimEnd('.')}; see --help");
            return new CommandLineOutcome(ExitCode.InvalidArguments, []);
        }

        var invocation = new InvocationConfiguration
        {
            Output = output,
            Error = error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = TimeSpan.FromSeconds(30),
        };
        var exitCode = await parsed.InvokeAsync(invocation, cancellationToken);
        var isServer = parsed.CommandResult.Command == root && !IsAnswered(parsed);
        return isServer ? new CommandLineOutcome(null, [.. arguments.Values]) : new CommandLineOutcome(exitCode, []);
    }

    /// <summary>True when help or the version was printed instead of running the root command.</summary>
    private static bool IsAnswered(ParseResult parsed) => parsed.Action is HelpAction || parsed.GetValue(Version);

    private int RunServer(ParseResult parsed)
    {
        if (parsed.GetValue(Version))
        {
            output.WriteLine($"SyncEngine {ServerVersion.Text}");
        }

        return ExitCode.Success;
    }
}
