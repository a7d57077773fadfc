using System.Net.Sockets;
using Npgsql;
using SyncEngine.Errors;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Commands;
using SyncEngine.Server.Observability;
using SyncEngine.Server.Options;
using SyncEngine.Server.Options.Adbc;

namespace SyncEngine.Server.Hosting;

/// <summary>The server from start to end: its database, what it needs there, the web application. Everything that an operator can mend ends in one line.</summary>
static class ServerHost
{
    private const int Failed = 1;
    private const string DefaultAddress = "http://localhost:5080";
    private static readonly TimeSpan parting = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan farewell = TimeSpan.FromSeconds(2);

    public static async Task<int> RunAsync(string[] arguments, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        MainDatabase? opened = null;
        try
        {
            var builder = ServerConfiguration.CreateBuilder(arguments);
            // Read before anything is opened or made.
            var outbox = OutboxSettings.Read(builder.Configuration);
            if (string.IsNullOrEmpty(builder.Configuration["urls"]) && !builder.Configuration.GetSection("Kestrel:Endpoints").Exists())
            {
                builder.WebHost.UseUrls(DefaultAddress);
            }

            await using var database = await MainDatabase.OpenAsync(
                builder.Configuration, builder.Environment.ContentRootPath, OutboxSettings.FallbackAddress(builder.Configuration), mayAttach: false, output.WriteLine, TimeProvider.System, cancellationToken);
            opened = database;
            var address = database.Address;
            if (database.Embedded is { } embedded)
            {
                await output.WriteLineAsync($"Database: {embedded.ConnectionUrl}");
            }

            await using var dataSource = NpgsqlDataSource.Create(address);
            var replication = OptionsReader.Replication(builder.Configuration);
            var missing = await new StartPreparation(dataSource, replication).RunAsync(cancellationToken);
            if (missing is not null && !database.IsFallback)
            {
                await error.WriteLineAsync($"error: {missing.Text}{(missing.Repair is null ? "" : $": {missing.Repair}")}");
                return Failed;
            }

            await using var outboxDatabase = outbox is null ? null : OutboxDatabase.Open(outbox, builder.Configuration, address, dataSource);
            builder.Services.AddSyncEngine(
                builder.Configuration, builder.Environment.ContentRootPath, database, dataSource, outboxDatabase?.DataSource ?? dataSource, replication, missing);
            if (outbox is not null)
            {
                builder.Services.AddSyncOutbox(builder.Configuration, outbox, outboxDatabase!, isEmbedded: database.Embedded is not null, hasStream: missing is null);
            }

            builder.Services.AddSingleton<IHostLifetime, CallersLifetime>();
            await using var app = builder.Build();
            app.UseSyncEngine(missing);
            await StartAsync(app, cancellationToken);
            await output.WriteLineAsync($"SyncEngine is listening on {string.Join(", ", app.Urls)}");
            if (app.Services.GetService<AdbcDoor>() is { Address: { } door })
            {
                await output.WriteLineAsync($"adbc's /health and /metrics are served on {door.AbsoluteUri.TrimEnd('/')}");
            }

            await StopRequestedAsync(app.Lifetime, cancellationToken);
            await app.Services.GetRequiredService<Connectors.Hub.ChannelFeed>().DrainAsync();
            if (missing is null)
            {
                await DrainAsync(app.Services.GetRequiredService<StreamService>());
            }

            await app.StopAsync(CancellationToken.None);
            return 0;
        }
        catch (IOException inUse) when (inUse.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            await error.WriteLineAsync($"error: {inUse.Message.TrimEnd('.')}; stop what listens there, or choose another address with --urls http://localhost:PORT");
            return Failed;
        }
        catch (SocketException refused)
        {
            await error.WriteLineAsync($"error: cannot listen: {refused.Message}; choose another address with --urls http://localhost:PORT");
            return Failed;
        }
        catch (Exception exception) when (CommandLine.TryReport(exception, opened, error))
        {
            return Failed;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return 0;
        }
    }

    /// <exception cref="OperatorException">A part cannot start; in the words of whoever configured it.</exception>
    private static async Task StartAsync(WebApplication app, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (OperatorException error)
        {
            throw AdbcSource.InTheirWords(error, app.Configuration);
        }
    }

    private static async Task StopRequestedAsync(IHostApplicationLifetime lifetime, CancellationToken cancellationToken)
    {
        var requested = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var asked = cancellationToken.Register(() => requested.TrySetResult());
        await using var ended = lifetime.ApplicationStopping.Register(() => requested.TrySetResult());
        await requested.Task;
    }

    /// <summary>Sockets are cut as soon as the host stops, so that their streams have to be told before.</summary>
    private static async Task DrainAsync(StreamService streams)
    {
        using var patience = new CancellationTokenSource(farewell, TimeProvider.System);
        try
        {
            await streams.DrainAsync(patience.Token);
            // The last frames are in their sockets' pipes now; nothing tells when they have left.
            await Task.Delay(parting, TimeProvider.System, patience.Token);
        }
        catch (Exception cannot) when (cannot is OperationCanceledException or SyncException)
        {
            // Somebody does not read, or the loop has ended and told them itself.
        }
    }

    /// <summary>Signals are the caller's: the host's own handler would cut the sockets before their streams are told.</summary>
    private sealed class CallersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
