using SyncEngine.Postgres.Administration;

namespace SyncEngine.Postgres.Embedded;

/// <summary>
/// The account that runs PostgreSQL's programs: the engine's own, or, when that is root, an ordinary one, because PostgreSQL refuses root.
/// </summary>
sealed class ServerAccount
{
    /// <summary>Accounts in the order of preference: of PostgreSQL's packages, of an earlier run, of macOS.</summary>
    private static readonly string[] names = ["postgres", "syncengine", "_postgres"];

    private readonly string? name;
    private readonly IReadOnlyList<string> prefix;

    private ServerAccount(string? name, IReadOnlyList<string> prefix)
    {
        this.name = name;
        this.prefix = prefix;
    }

    /// <summary>The account is another one than the engine's.</summary>
    public bool IsOther => name is not null;

    public static async Task<ServerAccount> ResolveAsync(CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows() || !Environment.IsPrivilegedProcess)
        {
            return new ServerAccount(null, []);
        }

        var name = await FindAsync(cancellationToken) ?? await CreateAsync(cancellationToken);
        var group = (await ChildProcess.RunAsync(new ProcessCommand("id", "-g", name), cancellationToken)).Output.Trim();
        IReadOnlyList<string>[] ways =
        [
            ["setpriv", $"--reuid={name}", $"--regid={group}", "--clear-groups", "--"],
            ["runuser", "-u", name, "--"],
            ["su", name, "-s", "/bin/sh", "-c", "exec \"$0\" \"$@\"", "--"],
            ["sudo", "-n", "-u", name, "--"],
        ];
        foreach (var way in ways)
        {
            var account = new ServerAccount(name, way);
            var outcome = await account.RunAsync(new ProcessCommand("id", "-u") { WorkingDirectory = "/" }, cancellationToken);
            if (outcome.IsSuccess && outcome.Output.Trim() != "0")
            {
                return account;
            }
        }

        throw new OperatorException(
            $"PostgreSQL refuses to run as root, and there is no way to become \"{name}\" (setpriv, runuser, su, sudo): "
                + "run the engine as an ordinary user, or set DATABASE_URL");
    }

    /// <summary>The command as this account runs it.</summary>
    public ProcessCommand Command(ProcessCommand command) =>
        IsOther ? command with { FileName = prefix[0], Arguments = [.. prefix.Skip(1), command.FileName, .. command.Arguments] } : command;

    public Task<ProcessOutcome> RunAsync(ProcessCommand command, CancellationToken cancellationToken) =>
        ChildProcess.RunAsync(Command(command), cancellationToken);

    /// <summary>Checks that the account can enter the folder, and so every folder above it.</summary>
    public async Task<bool> CanEnterAsync(string folder, CancellationToken cancellationToken) =>
        !IsOther
            || (await RunAsync(
                new ProcessCommand("/bin/sh", "-c", "cd \"$0\"", folder) { WorkingDirectory = "/" }, cancellationToken)).IsSuccess;

    /// <summary>Gives a folder and all that is in it to the account.</summary>
    public async Task OwnAsync(string folder, CancellationToken cancellationToken)
    {
        if (!IsOther)
        {
            return;
        }

        var outcome = await ChildProcess.RunAsync(new ProcessCommand("chown", "-R", name!, folder), cancellationToken);
        if (!outcome.IsSuccess)
        {
            throw new OperatorException(
                $"the folder {folder} cannot be given to user \"{name}\", who runs PostgreSQL: {outcome.LastLine}; "
                    + "choose another with SyncEngine:Embedded:DataFolder");
        }
    }

    private static async Task<string?> FindAsync(CancellationToken cancellationToken)
    {
        foreach (var candidate in names)
        {
            if ((await ChildProcess.RunAsync(new ProcessCommand("id", "-u", candidate), cancellationToken)).IsSuccess)
            {
                return candidate;
            }
        }

        return null;
    }

    /// <remarks>useradd is what most Linux systems have; adduser in this form is BusyBox'.</remarks>
    private static async Task<string> CreateAsync(CancellationToken cancellationToken)
    {
        const string Name = "syncengine";
        string[] arguments =
            ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false", Name];
        ProcessCommand[] ways =
        [
            new("useradd", arguments),
            new("/usr/sbin/useradd", arguments),
            new("adduser", "-S", "-D", "-H", "-s", "/bin/false", Name),
        ];
        foreach (var way in ways)
        {
            if ((await ChildProcess.RunAsync(way, cancellationToken)).IsSuccess)
            {
                return Name;
            }
        }

        return (await ChildProcess.RunAsync(new ProcessCommand("id", "-u", "nobody"), cancellationToken)).IsSuccess
            ? "nobody"
            : throw new OperatorException(
                "PostgreSQL refuses to run as root, and no ordinary user could be created: run the engine as one, or set DATABASE_URL");
    }
}
