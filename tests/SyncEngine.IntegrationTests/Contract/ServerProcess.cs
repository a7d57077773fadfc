using System.Diagnostics;
using System.Globalization;
using System.Text;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>The server as an operator starts it: a process of its own, with what it writes and how it ends.</summary>
sealed class ServerProcess : IAsyncDisposable
{
    private const string Announcement = "SyncEngine is listening on ";
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(90);

    private readonly Process process;
    private readonly StringBuilder output = new();
    private readonly StringBuilder error = new();
    private readonly TaskCompletionSource<Uri> address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServerProcess(Process process)
    {
        this.process = process;
        process.OutputDataReceived += (_, line) => Keep(output, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(error, line.Data);
    }

    public string Output => Text(output);

    public string Error => Text(error);

    public long ResidentBytes
    {
        get
        {
            process.Refresh();
            return process.WorkingSet64;
        }
    }

    public static ServerProcess Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = AppContext.BaseDirectory,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "SyncEngine.Server.dll"));
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment.Remove("DATABASE_URL");
        var server = new ServerProcess(new Process { StartInfo = start });
        server.process.Start();
        server.process.BeginOutputReadLine();
        server.process.BeginErrorReadLine();
        return server;
    }

    /// <summary>A server that runs, over this database.</summary>
    public static Task<(ServerProcess Server, Uri Address)> RunAsync(string database, params string[] arguments) =>
        RunAsync(Start(["--SyncEngine:Database:Url=" + database, "--urls=http://127.0.0.1:0", .. arguments]));

    /// <summary>Waits until it is ready.</summary>
    public static async Task<(ServerProcess Server, Uri Address)> RunAsync(ServerProcess server)
    {
        var address = await server.ListeningAsync();
        using var deadline = new CancellationTokenSource(timeout, TimeProvider.System);
        using var http = new HttpClient { BaseAddress = address };
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        while (await timer.WaitForNextTickAsync(deadline.Token))
        {
            using var ready = await http.GetAsync("/health/ready", deadline.Token);
            if (ready.IsSuccessStatusCode)
            {
                break;
            }
        }

        return (server, address);
    }

    /// <summary>Waits until it listens, ready or not.</summary>
    public async Task<Uri> ListeningAsync()
    {
        using var deadline = new CancellationTokenSource(timeout, TimeProvider.System);
        var ended = process.WaitForExitAsync(deadline.Token);
        if (await Task.WhenAny(address.Task, ended) == ended)
        {
            Assert.Fail($"the server did not start:\n{Output}\n{Error}");
        }

        return await address.Task;
    }

    public void Terminate() => Signal("TERM");


    public async Task<int> ExitCodeAsync()
    {
        using var deadline = new CancellationTokenSource(timeout, TimeProvider.System);
        await process.WaitForExitAsync(deadline.Token);
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        process.Dispose();
    }

    /// <param name="name">As kill takes it: TERM, KILL.</param>
    public void Signal(string name)
    {
        using var kill = Process.Start("kill", ["-" + name, process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private void Keep(StringBuilder text, string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (text)
        {
            text.AppendLine(line);
        }

        if (line.StartsWith(Announcement, StringComparison.Ordinal))
        {
            address.TrySetResult(new Uri(line[Announcement.Length..].Split(',')[0]));
        }
    }

    private static string Text(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }
}
