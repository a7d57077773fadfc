using System.Runtime.InteropServices;
using SyncEngine.Server.Commands;
using SyncEngine.Server.Hosting;

using var stopping = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stopping.Cancel();
};
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
{
    signal.Cancel = true;
    stopping.Cancel();
});

var commandLine = new CommandLine(Console.Out, Console.Error, TimeProvider.System);
var outcome = await commandLine.RunAsync(args, stopping.Token);
return outcome.ExitCode ?? await new ServerHost(Console.Out, Console.Error).RunAsync(outcome.ServerArguments, stopping.Token);
