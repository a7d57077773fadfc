using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Npgsql;
using SyncEngine.Connectors.Hub;
using SyncEngine.Errors;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Embedded;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Cors;
using SyncEngine.Server.Databases;
using SyncEngine.Server.Observability;
using SyncEngine.Server.Options;
using SyncEngine.Server.Options.Adbc;

namespace SyncEngine.Server.Hosting;

/// <summary>
/// Runs the server from start to end: its database, the web application, the stop. A failure that an operator can correct ends in one
/// line.
/// </summary>
sealed class ServerHost(TextWriter output, TextWriter error)
{
    private const int Failed = 1;
    private const string DefaultAddress = "http://localhost:5080";
    private const string OtherAddress = "choose another address with --urls http://localhost:PORT";
    private static readonly TimeSpan drainTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan lastFrames = TimeSpan.FromMilliseconds(200);

    private MainDatabase? openedDatabase;

    public async Task<int> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        try
        {
            return await ServeAsync(ServerConfiguration.CreateBuilder(arguments), cancellationToken);
        }
        catch (IOException inUse) when (inUse.InnerException is AddressInUseException)
        {
            await error.WriteLineAsync($"error: {inUse.Message.TrimEnd('.')}; stop what listens there, or {OtherAddress}");
            return Failed;
        }
        catch (SocketException refused)
        {
            await error.WriteLineAsync($"error: cannot listen: {refused.Message}; {OtherAddress}");
            return Failed;
        }
        catch (Exception exception) when (OperatorReport.TryWrite(exception, openedDatabase, error))
        {
            return Failed;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return 0;
        }
    }

    private async Task<int> ServeAsync(WebApplicationBuilder builder, CancellationToken cancellationToken)
    {
        var outbox = OutboxSettings.Read(builder.Configuration);
        RequireValid(builder.Configuration, builder.Environment.ContentRootPath);
        if (string.IsNullOrEmpty(builder.Configuration["urls"]) && !builder.Configuration.GetSection("Kestrel:Endpoints").Exists())
        {
            builder.WebHost.UseUrls(DefaultAddress);
        }

        await using var database = await MainDatabase.OpenAsync(
            builder.Configuration,
            builder.Environment.ContentRootPath,
            OutboxSettings.FallbackAddress(builder.Configuration),
            options => EmbeddedPostgres.StartAsync(options, output.WriteLine, TimeProvider.System, cancellationToken));
        openedDatabase = database;
        if (database.Embedded is { } embedded)
        {
            await output.WriteLineAsync($"Database: {embedded.ConnectionUrl}");
        }

        await using var dataSource = NpgsqlDataSource.Create(database.Address);
        var missing = await new StartPreparation(dataSource, OptionsReader.Replication(builder.Configuration)).RunAsync(cancellationToken);
        if (missing is not null && !database.IsFallback)
        {
            await error.WriteLineAsync($"error: {missing.Text}{(missing.Repair is null ? "" : $": {missing.Repair}")}");
            return Failed;
        }

        await using var outboxDatabase = outbox is null
            ? null
            : OutboxDatabase.Open(outbox, builder.Configuration, database.Address, dataSource);
        var databases = new OpenedDatabases(database, dataSource, outboxDatabase, missing);
        await using var app = Build(builder, outbox, databases);
        await StartAsync(app, cancellationToken);
        await output.WriteLineAsync($"SyncEngine is listening on {string.Join(", ", app.Urls)}");
        if (app.Services.GetService<AdbcCompatibilityServer>() is { Address: { } address })
        {
            await output.WriteLineAsync($"adbc's /health and /metrics are served on {address.AbsoluteUri.TrimEnd('/')}");
        }

        await StopRequestedAsync(app.Lifetime, cancellationToken);
        await StopAsync(app, isStreaming: missing is null);
        return 0;
    }

    /// <summary>Reads the whole configuration before anything is opened or created.</summary>
    /// <exception cref="OperatorException">A value that cannot be read, or that contradicts another.</exception>
    private static void RequireValid(IConfiguration configuration, string contentRoot)
    {
        OptionRooms.Validate(configuration);
        // Keys, origins, addresses and named queries are read when they are added as services. These services are dropped.
        new ServiceCollection()
            .AddSyncOptions(configuration, contentRoot)
            .AddSyncAuthentication(configuration, isEmbedded: false)
            .AddSyncCors(configuration)
            .AddSyncObservability(configuration);
    }

    private static WebApplication Build(WebApplicationBuilder builder, OutboxSettings? outbox, OpenedDatabases databases)
    {
        builder.Services.AddSyncEngine(builder.Configuration, builder.Environment.ContentRootPath, databases);
        if (outbox is not null)
        {
            builder.Services.AddSyncOutbox(builder.Configuration, outbox, databases);
        }

        builder.Services.AddSingleton<IHostLifetime, CallersLifetime>();
        var app = builder.Build();
        app.UseSyncEngine(databases.NoStream);
        return app;
    }

    /// <exception cref="OperatorException">A part cannot start; the line names the key as the operator wrote it.</exception>
    private static async Task StartAsync(WebApplication app, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (OperatorException error)
        {
            throw AdbcSource.WithGivenNames(error, app.Configuration);
        }
    }

    private static async Task StopRequestedAsync(IHostApplicationLifetime lifetime, CancellationToken cancellationToken)
    {
        var requested = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var cancelled = cancellationToken.Register(() => requested.TrySetResult());
        await using var ended = lifetime.ApplicationStopping.Register(() => requested.TrySetResult());
        await requested.Task;
    }

    private static async Task StopAsync(WebApplication app, bool isStreaming)
    {
        await app.Services.GetRequiredService<ChannelFeed>().DrainAsync();
        if (isStreaming)
        {
            await DrainAsync(app.Services.GetRequiredService<StreamService>());
        }

        await app.StopAsync(CancellationToken.None);
    }

    /// <summary>Ends the streams with their last frame. The host cuts sockets as soon as it stops, so this comes before.</summary>
    private static async Task DrainAsync(StreamService streams)
    {
        using var timeout = new CancellationTokenSource(drainTimeout, TimeProvider.System);
        try
        {
            await streams.DrainAsync(timeout.Token);
            // The last frames are in their sockets' pipes now. Nothing reports when they have left.
            await Task.Delay(lastFrames, TimeProvider.System, timeout.Token);
        }
        catch (Exception cannot) when (cannot is OperationCanceledException or SyncException)
        {
            // A client does not read, or the loop has ended and has ended the streams itself.
        }
    }

    /// <summary>Leaves signals to the caller: the host's own handler would cut the sockets before their streams have ended.</summary>
    private sealed class CallersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
