using System.Diagnostics;
using System.Globalization;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Postgres.Embedded;

/// <summary>Starts and stops the server process with pg_ctl.</summary>
sealed class ServerControl(PostgresPrograms programs, DatabaseCluster cluster)
{
    private const int MaxAttempts = 5;

    private readonly DataFolder folder = programs.Folder;
    private readonly ServerLog log = new(programs.Folder.Log);

    /// <summary>Starts the server; a free port that was taken meanwhile is replaced by another one.</summary>
    /// <returns>The port.</returns>
    public async Task<int> StartAsync(EmbeddedPostgresOptions options, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var port = ChoosePort(options, mayReuse: attempt == 1);
            await cluster.WriteSettingsAsync(port, options.Settings, cancellationToken);
            var logged = log.Length;
            IReadOnlyList<string> arguments =
                ["start", "--pgdata", folder.Data, "--log", folder.Log, "--wait", "--silent", "--timeout", Seconds(options.StartTimeout)];
            var outcome = await programs.RunAsync("pg_ctl", arguments, cancellationToken);
            if (outcome.IsSuccess)
            {
                return port;
            }

            var reason = log.ReadSince(logged);
            var isPortTaken = reason.Contains("could not bind", StringComparison.Ordinal);
            if (isPortTaken && options.Port != 0)
            {
                throw new OperatorException($"port {options.Port} is in use: choose another with SyncEngine:Embedded:Port, or 0 for any");
            }

            if (!isPortTaken || attempt == MaxAttempts)
            {
                throw new OperatorException(
                    $"the embedded PostgreSQL does not start: {ServerLog.LastFatalLine(reason) ?? outcome.LastLine} (log: {folder.Log})");
            }
        }
    }

    /// <param name="mode">Of pg_ctl: <c>fast</c> ends sessions and writes a checkpoint, <c>immediate</c> does not.</param>
    public async Task StopAsync(string mode, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var running = folder.ReadPostmasterFile();
        IReadOnlyList<string> arguments =
            ["stop", "--pgdata", folder.Data, "--mode", mode, "--wait", "--silent", "--timeout", Seconds(timeout)];
        await programs.RunAsync("pg_ctl", arguments, cancellationToken);
        if (running?.IsAlive() == true)
        {
            // It did not answer pg_ctl. PostgreSQL recovers at the next start.
            using var process = Process.GetProcessById(running.ProcessId);
            process.Kill();
            await process.WaitForExitAsync(cancellationToken);
        }
    }

    private int ChoosePort(EmbeddedPostgresOptions options, bool mayReuse) =>
        options.Port != 0 ? options.Port
        : mayReuse && folder.ReadPort() is { } last && LoopbackPort.IsFree(last) ? last
        : LoopbackPort.FindFree();

    private static string Seconds(TimeSpan span) => Math.Max(1, (int)span.TotalSeconds).ToString(CultureInfo.InvariantCulture);
}
