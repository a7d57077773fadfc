using System.CommandLine;
using System.Globalization;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Commands;

/// <summary>The command that puts dead letters back into the outbox.</summary>
static class ReplayDeadLettersCommand
{
    public static Command Create(DatabaseCommands databases, TextWriter error)
    {
        var id = new Option<string?>("--id") { Description = "The letter with this id", HelpName = "number" };
        var channel = new Option<string?>("--channel") { Description = "Letters of this channel", HelpName = "name" };
        var code = new Option<string?>("--code") { Description = "Letters that were refused with this code", HelpName = "code" };
        var all = new Option<bool>("--all") { Description = "All of them" };
        var command = DatabaseCommands.Define(
            "replay-dead-letters", "Put messages that their target had refused for good back into the outbox");
        command.Add(id);
        command.Add(channel);
        command.Add(code);
        command.Add(all);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (!TryParseId(parsed.GetValue(id), out var number))
            {
                await error.WriteLineAsync($"error: --id must be the number of a dead letter, not \"{parsed.GetValue(id)}\"");
                return ExitCode.InvalidArguments;
            }

            var filter = new DeadLetterFilter(number, parsed.GetValue(channel), parsed.GetValue(code));
            if (filter == new DeadLetterFilter() && !parsed.GetValue(all))
            {
                await error.WriteLineAsync("error: name the dead letters to put back: --id, --channel, --code, or --all");
                return ExitCode.InvalidArguments;
            }

            return await databases.RunAsync((parts, token) => parts.RequireDeadLetters().ReplayAsync(filter, token), cancellationToken);
        });
        return command;
    }

    private static bool TryParseId(string? text, out long? id)
    {
        id = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        return text is null || id is not null;
    }
}
