using System.CommandLine;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Embedded;
using SyncEngine.Server.Databases;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Commands;

/// <summary>Runs commands that work on the configured databases. Their findings are printed one a line.</summary>
sealed class DatabaseCommands(ServerArguments arguments, TextWriter output, TextWriter error, TimeProvider time)
{
    /// <summary>A command that takes configuration as further arguments.</summary>
    public static Command Define(string name, string description)
    {
        var command = new Command(name, description) { TreatUnmatchedTokensAsErrors = false };
        foreach (var file in ServerArguments.Files)
        {
            command.Add(file);
        }

        return command;
    }

    /// <returns>The exit code: a failure, too, when a finding says that something is missing.</returns>
    public async Task<int> RunAsync(
        Func<DatabaseParts, CancellationToken, IAsyncEnumerable<Finding>> run, CancellationToken cancellationToken)
    {
        MainDatabase? opened = null;
        try
        {
            var builder = ServerConfiguration.CreateBuilder([.. arguments.Values]);
            // The whole configuration is read before anything is opened or created.
            var outbox = OutboxSettings.Read(builder.Configuration);
            OptionRooms.Validate(builder.Configuration);
            foreach (var line in UnknownKeys.Find(builder.Configuration))
            {
                await output.WriteLineAsync(new Finding(FindingKind.Note, line).ToString());
            }

            await using var main = await MainDatabase.OpenAsync(
                builder.Configuration,
                builder.Environment.ContentRootPath,
                OutboxSettings.FallbackAddress(builder.Configuration),
                options => EmbeddedPostgres.AttachOrStartAsync(options, error.WriteLine, time, cancellationToken));
            opened = main;
            main.Address.Pooling = false;
            await using var parts = DatabaseParts.Open(builder.Configuration, main, outbox);
            var isComplete = true;
            await foreach (var finding in run(parts, cancellationToken))
            {
                await output.WriteLineAsync(finding.ToString());
                isComplete &= finding.Kind != FindingKind.Missing;
            }

            return isComplete ? ExitCode.Success : ExitCode.Failure;
        }
        catch (Exception exception) when (OperatorReport.TryWrite(exception, opened, error))
        {
            return ExitCode.Failure;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await error.WriteLineAsync("error: stopped before the end; run it again");
            return ExitCode.Failure;
        }
    }
}
