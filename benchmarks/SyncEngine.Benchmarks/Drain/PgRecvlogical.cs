using System.Diagnostics;
using Npgsql;

namespace SyncEngine.Benchmarks.Drain;

/// <summary>PostgreSQL's own client, writing to /dev/null, until the backlog's end.</summary>
internal static class PgRecvlogical
{
    /// <summary>The newest of the machine, else whatever the PATH has.</summary>
    private static string Program { get; } =
        (Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql") : [])
        .Select(folder => Path.Combine(folder, "bin", "pg_recvlogical")).Where(File.Exists).Order(StringComparer.Ordinal).LastOrDefault() ?? "pg_recvlogical";

    public static async Task<TimeSpan> DrainAsync(NpgsqlConnectionStringBuilder server, Backlog backlog, CancellationToken cancellationToken)
    {
        var slot = await backlog.CopySlotAsync(cancellationToken);
        var start = new ProcessStartInfo(Program);
        start.Environment["PGPASSWORD"] = server.Password;
        string[] arguments =
        [
            "-h", server.Host!, "-p", $"{server.Port}", "-U", server.Username!, "-d", server.Database!, "-S", slot, "--start", "-f", "/dev/null",
            "-o", "proto_version=1", "-o", $"publication_names={Backlog.Publication}", "-o", "messages=on", "--endpos", backlog.End.ToString(),
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        var began = Stopwatch.GetTimestamp();
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync(cancellationToken);
        var took = Stopwatch.GetElapsedTime(began);
        return process.ExitCode == 0 ? took : throw new InvalidOperationException($"pg_recvlogical ended with {process.ExitCode}");
    }
}
