namespace SyncEngine.Postgres.Embedded;

/// <summary>The programs of one PostgreSQL, run by the account of the server on one data folder.</summary>
sealed record PostgresPrograms(DataFolder Folder, PostgresBinaries Binaries, ServerAccount Account)
{
    public int Major => Binaries.Major;

    public Task<ProcessOutcome> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken) =>
        Account.RunAsync(new ProcessCommand(Binaries.Program(program), arguments) { WorkingDirectory = Folder.Root }, cancellationToken);
}
