using System.Text;
using SyncEngine.Server.Hosting;

namespace SyncEngine.IntegrationTests.Client;

/// <summary>
/// A server on a port of its own, over one database. It is started as its program starts it, and used only through its endpoints.
/// </summary>
public sealed class SyncServer : IAsyncDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly Announcements output = new();
    private Task<int> running = Task.FromResult(0);

    private SyncServer()
    {
    }

    public Uri Address { get; private set; } = null!;

    /// <summary>Everything it has written so far.</summary>
    public string Output => output.Text;

    /// <param name="options">Further options as on the command line, <c>--SyncEngine:Room:Key=value</c>.</param>
    public static async Task<SyncServer> StartAsync(TestDatabase database, params string[] options)
    {
        var server = new SyncServer();
        string[] arguments =
        [
            $"--SyncEngine:Database:Url={database.ConnectionString}",
            "--urls=http://127.0.0.1:0",
            "--Logging:LogLevel:Default=None",
            .. options,
        ];
        server.running = Task.Run(() => new ServerHost(server.output, server.output).RunAsync(arguments, server.stopping.Token));
        var announced = server.output.Address;
        if (await Task.WhenAny(announced, server.running) != announced)
        {
            throw new InvalidOperationException($"the server ended with {await server.running}: {server.Output}");
        }

        server.Address = await announced;
        using var http = new HttpClient { BaseAddress = server.Address };
        while (true)
        {
            using var ready = await http.GetAsync("/health/ready");
            if (ready.IsSuccessStatusCode)
            {
                return server;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await running;
        stopping.Dispose();
        await output.DisposeAsync();
    }

    /// <summary>Keeps the lines, and finds the address in them.</summary>
    private sealed class Announcements : TextWriter
    {
        private const string Prefix = "SyncEngine is listening on ";
        private readonly TaskCompletionSource<Uri> address = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly StringBuilder lines = new();

        public override Encoding Encoding => Encoding.UTF8;

        public Task<Uri> Address => address.Task;

        public string Text
        {
            get
            {
                lock (lines)
                {
                    return lines.ToString();
                }
            }
        }

        public override void WriteLine(string? value)
        {
            lock (lines)
            {
                lines.AppendLine(value);
            }

            if (value?.StartsWith(Prefix, StringComparison.Ordinal) == true)
            {
                address.TrySetResult(new Uri(value[Prefix.Length..].Split(',')[0]));
            }
        }

        public override Task WriteLineAsync(string? value)
        {
            WriteLine(value);
            return Task.CompletedTask;
        }
    }
}
