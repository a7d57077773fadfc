using System.Globalization;
using System.Text;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Postgres.Embedded;

/// <summary>The data directory of an embedded server: made by initdb, with settings that are written at every start.</summary>
sealed class DatabaseCluster(PostgresPrograms programs, Action<string> report)
{
    private const string SettingsFile = "syncengine.conf";

    private readonly DataFolder folder = programs.Folder;

    /// <summary>Makes the data directory where there is none.</summary>
    /// <remarks>initdb works beside the place, and its result is moved there: after a crash in between it starts afresh.</remarks>
    /// <returns>The password of the superuser.</returns>
    public async Task<string> EnsureAsync(string userName, bool isDurable, CancellationToken cancellationToken)
    {
        if (folder.IsInitialised)
        {
            return folder.ReadPassword();
        }

        report($"Creating a PostgreSQL {programs.Major} database in {folder.Root}");
        var fresh = folder.Data + ".new";
        if (Directory.Exists(fresh))
        {
            Directory.Delete(fresh, recursive: true);
        }

        var password = folder.CreatePassword();
        await programs.Account.OwnAsync(folder.Root, cancellationToken);
        IReadOnlyList<string> arguments =
        [
            "--pgdata", fresh, "--username", userName, "--pwfile", folder.PasswordFile, "--auth", "scram-sha-256",
            "--encoding", "UTF8", "--no-locale", .. isDurable ? Array.Empty<string>() : ["--no-sync"],
        ];
        var outcome = await programs.RunAsync("initdb", arguments, cancellationToken);
        if (!outcome.IsSuccess)
        {
            throw new OperatorException($"initdb could not create a database in {folder.Root}: {outcome.LastLine}");
        }

        await File.AppendAllTextAsync(
            Path.Combine(fresh, "postgresql.conf"), $"\ninclude_if_exists = '{SettingsFile}'\n", cancellationToken);
        Directory.Move(fresh, folder.Data);
        return password;
    }

    /// <remarks>Included by postgresql.conf, so that ALTER SYSTEM still overrides it.</remarks>
    public async Task WriteSettingsAsync(int port, IReadOnlyDictionary<string, string> further, CancellationToken cancellationToken)
    {
        var settings = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            ["listen_addresses"] = "127.0.0.1",
            ["port"] = port.ToString(CultureInfo.InvariantCulture),
            ["unix_socket_directories"] = "",
            ["wal_level"] = "logical",
            ["max_wal_senders"] = "20",
            ["max_replication_slots"] = "20",
            ["max_connections"] = "200",
            ["password_encryption"] = "scram-sha-256",
            ["timezone"] = "UTC",
            ["log_timezone"] = "UTC",
            ["log_checkpoints"] = "off",
            // Small enough for a laptop, and a forgotten slot does not fill its disk.
            ["max_wal_size"] = "1GB",
            ["max_slot_wal_keep_size"] = "4GB",
        };
        foreach (var (name, value) in further)
        {
            settings[name] = value;
        }

        var text = new StringBuilder(
            "# Written at every start. Your own settings: ALTER SYSTEM SET …, or postgresql.conf below the include.\n");
        foreach (var (name, value) in settings)
        {
            text.Append(name).Append(" = ").Append(Quoted(value)).Append('\n');
        }

        var file = Path.Combine(folder.Data, SettingsFile);
        await File.WriteAllTextAsync(file, text.ToString(), cancellationToken);
        await programs.Account.OwnAsync(file, cancellationToken);
    }

    /// <remarks>The rules of postgresql.conf: a backslash escapes, whatever standard_conforming_strings is.</remarks>
    private static string Quoted(string value) =>
        $"'{value.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("'", "''", StringComparison.Ordinal)}'";
}
