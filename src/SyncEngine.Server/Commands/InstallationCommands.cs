using System.CommandLine;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Commands;

/// <summary>The commands that verify, create and remove what the configured parts keep in the database.</summary>
static class InstallationCommands
{
    public static IEnumerable<Command> Create(DatabaseCommands databases)
    {
        yield return Installation(
            "check",
            "Compare the database with the configuration: one line for each finding, with the SQL that corrects it",
            parts => parts.Installations,
            (part, token) => part.CheckAsync(token));
        yield return Installation(
            "setup",
            "Create publication, slot, helper SQL and the tables of a configured outbox; it is safe to run again",
            parts => parts.Installations,
            (part, token) => part.InstallAsync(token));
        // The engine's own part comes last, as it removes the schema that the others keep their tables in.
        yield return Installation(
            "uninstall",
            "Remove what setup created: publication, slot, helper SQL, and the tables of an outbox that is empty",
            parts => parts.Installations.Reverse(),
            (part, token) => part.UninstallAsync(token));
        yield return new Command("create", "Create the outbox's tables, as adbc's \"create tables\"")
        {
            Installation(
                "tables",
                "Create the outbox and nodes tables, notify function and trigger",
                parts => [parts.RequireOutbox()],
                (part, token) => part.InstallAsync(token)),
        };

        Command Installation(
            string name,
            string description,
            Func<DatabaseParts, IEnumerable<IInstallation>> choose,
            Func<IInstallation, CancellationToken, IAsyncEnumerable<Finding>> run)
        {
            var command = DatabaseCommands.Define(name, description);
            command.SetAction((_, cancellationToken) => databases.RunAsync(
                (parts, token) => choose(parts).ToAsyncEnumerable().SelectMany(part => run(part, token)), cancellationToken));
            return command;
        }
    }
}
