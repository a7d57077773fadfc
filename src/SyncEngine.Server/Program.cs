using SyncEngine.Server.Commands;

var commandLine = new CommandLine(CommandParts.Default, Console.Out, Console.Error, TimeProvider.System);
var outcome = await commandLine.RunAsync(args, CancellationToken.None);
if (outcome.ExitCode is { } exitCode)
{
    return exitCode;
}

var builder = WebApplication.CreateBuilder(outcome.ServerArguments);
var app = builder.Build();
await app.RunAsync();
return 0;
