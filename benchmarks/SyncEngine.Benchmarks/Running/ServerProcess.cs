using System.Diagnostics;
using System.Globalization;

namespace SyncEngine.Benchmarks.Running;

/// <summary>The server under measurement, or another process of this project that prints its address.</summary>
/// <remarks>Lifecycle: <see cref="StartAsync"/> until disposed of. Its warnings go to this program's error stream.</remarks>
internal sealed class ServerProcess : IAsyncDisposable
{
    private const string Announcement = "SyncEngine is listening on ";
    private readonly Process process;

    private ServerProcess(Process process, Uri address)
    {
        this.process = process;
        Address = address;
    }

    public Uri Address { get; }

    public int Id => process.Id;

    /// <summary>Starts the engine with bounds that a benchmark does not meet.</summary>
    public static Task<ServerProcess> StartAsync(string databaseUrl, CancellationToken cancellationToken) => StartAsync(
        [
            Repository.ServerAssembly,
            "--urls", "http://127.0.0.1:0",
            "--Logging:LogLevel:Default", "Warning",
            "--SyncEngine:Database:Url", databaseUrl,
            "--SyncEngine:Authentication:Disabled", "true",
            "--SyncEngine:Limits:RequestsPerMinute", "0",
            "--SyncEngine:Limits:SubscriptionsPerPrincipal", "1000000",
            "--SyncEngine:Subscriptions:Unattended", "00:30:00",
        ],
        Announcement,
        cancellationToken);

    public static async Task<ServerProcess> StartAsync(IReadOnlyList<string> arguments, string announcement, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { UseShellExecute = false, RedirectStandardOutput = true, WorkingDirectory = Path.GetTempPath() };
        start.Environment["DOTNET_ENVIRONMENT"] = "Production";
        var process = Process.Start(start)!;
        while (await process.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.StartsWith(announcement, StringComparison.Ordinal))
            {
                var server = new ServerProcess(process, new Uri(line[announcement.Length..].Split(',')[0]));
                _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
                return server;
            }
        }

        throw new InvalidOperationException("the server ended before it listened");
    }

    public async Task BecomeReadyAsync(HttpClient http, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            using var answer = await http.GetAsync(new Uri(Address, "health/ready"), timeout.Token);
            if (answer.IsSuccessStatusCode)
            {
                return;
            }

            await timer.WaitForNextTickAsync(timeout.Token);
        }
    }

    /// <summary>Memory in RAM, in bytes.</summary>
    public long ResidentBytes
    {
        get
        {
            // Linux reports it in kB, https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
            if (!OperatingSystem.IsLinux())
            {
                process.Refresh();
                return process.WorkingSet64;
            }

            var line = File.ReadLines($"/proc/{Id.ToString(CultureInfo.InvariantCulture)}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024;
        }
    }

    public TimeSpan ProcessorTime
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
    }

    /// <summary>Resident bytes after the collector has run.</summary>
    public async Task<long> SettledBytesAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < 2; i++)
        {
            await RemoteCollection.RunAsync(Id, cancellationToken);
        }

        return ResidentBytes;
    }

    public async ValueTask DisposeAsync()
    {
        using (var kill = Process.Start("kill", ["-TERM", Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync();
        }

        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(15));
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
        }

        process.Dispose();
    }
}
