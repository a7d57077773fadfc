using System.Diagnostics;
using Npgsql;
using Xunit;

namespace SyncEngine.IntegrationTests.Sql;

/// <summary>A PostgreSQL of its own for asking what it makes of a text; gone with the tests.</summary>
public sealed class ParsingServer : IAsyncLifetime
{
    private const string FindBinaries = """bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1); export PATH="$bin:$PATH"; """;

    private string folder = "";

    public NpgsqlDataSource Database { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        folder = (await ShellAsync("mktemp -d /tmp/parsing.XXXXXX")).Trim();
        await ShellAsync($"initdb -D {folder}/data -E UTF8 --locale=C.UTF-8 -A trust -U postgres >/dev/null");
        await ShellAsync($"pg_ctl -D {folder}/data -o \"-p 5432 -c listen_addresses= -c unix_socket_directories={folder} -c fsync=off\" -l {folder}/log -w start >/dev/null");
        Database = NpgsqlDataSource.Create($"Host={folder};Port=5432;Username=postgres;Database=postgres;Include Error Detail=true");
        await using var command = Database.CreateCommand("""
            CREATE TABLE t (a int, b text, "C d" numeric, update int, delete bool, "É" date, time time, j jsonb, arr int[]);
            INSERT INTO t VALUES (1, 'x', 1.10, 2, true, '2020-01-01', '10:00', '{"k": [1]}', '{1,2,3}'), (2, 'it''s', NULL, 3, NULL, NULL, NULL, NULL, NULL);
            CREATE SCHEMA s;
            CREATE TABLE s.u (id int, "select" text);
            INSERT INTO s.u VALUES (1, 'y');
            CREATE FUNCTION s.twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
            """);
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (Database is not null)
        {
            await Database.DisposeAsync();
        }

        await ShellAsync($"pg_ctl -D {folder}/data -m immediate stop >/dev/null; rm -rf {folder}");
    }

    /// <summary>PostgreSQL refuses root, so root runs it as the user postgres.</summary>
    private static async Task<string> ShellAsync(string script)
    {
        string[] arguments = Environment.IsPrivilegedProcess
            ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "sh", "-c", FindBinaries + script]
            : ["sh", "-c", FindBinaries + script];
        using var process = Process.Start(new ProcessStartInfo("env", arguments) { RedirectStandardOutput = true, UseShellExecute = false, WorkingDirectory = "/tmp" })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{script} ended with {process.ExitCode}: {output}");
    }
}
