using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Postgres.Embedded;

/// <summary>
/// The folder of an embedded server: <c>data</c> (PGDATA), <c>password</c>, <c>port</c>, <c>postgres.log</c>,
/// <c>engine.lock</c> (locked by the engine that owns the server), and <c>demo</c> (an empty mark: the demo has been loaded).
/// </summary>
/// <remarks>
/// Stored: everything here outlives the engine.
/// After a crash: <see cref="Data"/> appears by a rename, so it is there whole or not at all; the lock ends with its process.
/// </remarks>
sealed record DataFolder(string Root)
{
    public string Data => Path.Combine(Root, "data");

    public string Log => Path.Combine(Root, "postgres.log");

    public string DemoMark => Path.Combine(Root, "demo");

    public string LockFile => Path.Combine(Root, "engine.lock");

    public string PasswordFile => Path.Combine(Root, "password");

    public string PortFile => Path.Combine(Root, "port");

    public bool IsInitialised => File.Exists(Path.Combine(Data, "PG_VERSION"));

    public string ReadPassword() => File.ReadAllText(PasswordFile).Trim();

    public int? ReadPort() =>
        File.Exists(PortFile) && int.TryParse(File.ReadAllText(PortFile), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? port
            : null;

    public void WritePort(int port) => File.WriteAllText(PortFile, port.ToString(CultureInfo.InvariantCulture));

    /// <summary>A new password, which only the owner may read.</summary>
    public string CreatePassword()
    {
        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        File.Delete(PasswordFile);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var writer = new StreamWriter(PasswordFile, options);
        writer.Write(password);
        return password;
    }

    /// <summary>The lock that makes one engine the owner; null while another one is.</summary>
    public FileStream? TryLock()
    {
        try
        {
            return new FileStream(LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>The file of the running server; null when there is none.</summary>
    public PostmasterFile? ReadPostmasterFile() => PostmasterFile.Read(Path.Combine(Data, PostmasterFile.Name));
}

/// <summary>The lock file of a running server, as far as the engine needs it.</summary>
/// <remarks>Source: src/include/utils/pidfile.h (line 1 process id, 2 data folder, 3 start time, 4 port).</remarks>
sealed record PostmasterFile(int ProcessId, string DataDirectory, long StartTime, int Port)
{
    public const string Name = "postmaster.pid";

    public static PostmasterFile? Read(string path)
    {
        try
        {
            var lines = File.ReadAllLines(path);
            return lines.Length >= 4
                && int.TryParse(
                    lines[0],
                    NumberStyles.AllowLeadingSign | NumberStyles.AllowTrailingWhite,
                    CultureInfo.InvariantCulture,
                    out var processId)
                && long.TryParse(lines[2], NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var startTime)
                && int.TryParse(lines[3], NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var port)
                ? new PostmasterFile(Math.Abs(processId), lines[1].Trim(), startTime, port)
                : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Checks that the process is alive and is the server that wrote this file.</summary>
    public bool IsAlive()
    {
        try
        {
            using var process = Process.GetProcessById(ProcessId);
            if (process.HasExited || !process.ProcessName.StartsWith("postgres", StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }

            // A server works in its data folder. Linux shows that, so the id of another server is recognised there.
            return !OperatingSystem.IsLinux() || Read($"/proc/{ProcessId.ToString(CultureInfo.InvariantCulture)}/cwd/{Name}") == this;
        }
        catch (Exception exception)
            when (exception is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}

/// <summary>Chooses folders that the account which runs PostgreSQL can reach.</summary>
static class EmbeddedHome
{
    /// <summary>
    /// The folder above those of the single majors: the first of content root, local data, /var/lib and the temporary folder that works.
    /// </summary>
    public static async Task<string> ForDataAsync(
        EmbeddedPostgresOptions options, ServerAccount account, CancellationToken cancellationToken)
    {
        var root = Path.GetFullPath(options.ContentRoot);
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(root)))[..8];
        var name = $"{Path.GetFileName(root.TrimEnd(Path.DirectorySeparatorChar))}-{digest}";
        return await FirstUsableAsync(
            [Path.Combine(root, ".syncengine"), .. UserFolders().Select(folder => Path.Combine(folder, name))], account, cancellationToken);
    }

    /// <summary>The folder for packages, which all engines of this user share.</summary>
    public static Task<string> ForPackagesAsync(ServerAccount account, CancellationToken cancellationToken) =>
        FirstUsableAsync(UserFolders(), account, cancellationToken);

    public static async Task<bool> IsUsableAsync(string folder, ServerAccount account, CancellationToken cancellationToken)
    {
        var existing = folder;
        while (!Directory.Exists(existing))
        {
            existing = Path.GetDirectoryName(existing)!;
        }

        // Before anything is made: a place that the account cannot reach is left as it was.
        if (!await account.CanEnterAsync(existing, cancellationToken))
        {
            return false;
        }

        try
        {
            Directory.CreateDirectory(folder);
            var probe = Path.Combine(folder, $".probe-{Environment.ProcessId}");
            await File.WriteAllTextAsync(probe, "", cancellationToken);
            File.Delete(probe);
            return await account.CanEnterAsync(folder, cancellationToken);
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or IOException)
        {
            return false;
        }
    }

    private static async Task<string> FirstUsableAsync(
        IEnumerable<string> folders, ServerAccount account, CancellationToken cancellationToken)
    {
        foreach (var folder in folders)
        {
            if (await IsUsableAsync(folder, account, cancellationToken))
            {
                return folder;
            }
        }

        throw new OperatorException(
            "no folder can be written for the embedded PostgreSQL: choose one with SyncEngine:Embedded:DataFolder, or set DATABASE_URL");
    }

    private static IEnumerable<string> UserFolders()
    {
        var local = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        if (Path.IsPathRooted(local))
        {
            yield return Path.Combine(local, "syncengine");
        }

        if (!OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess)
        {
            yield return "/var/lib/syncengine";
        }

        yield return Path.Combine(Path.GetTempPath(), $"syncengine-{Environment.UserName}");
    }
}
