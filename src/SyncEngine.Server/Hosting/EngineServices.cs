using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Protocol;
using SyncEngine.Observability;
using SyncEngine.Options;
using SyncEngine.Permissions;
using SyncEngine.Planning;
using SyncEngine.Ports;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Analysis;
using SyncEngine.Postgres.Catalog;
using SyncEngine.Postgres.Embedded;
using SyncEngine.Postgres.Permissions;
using SyncEngine.Postgres.Replication;
using SyncEngine.Postgres.Sessions;
using SyncEngine.Postgres.Snapshots;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Channels;
using SyncEngine.Server.Cors;
using SyncEngine.Server.Endpoints;
using SyncEngine.Server.Errors;
using SyncEngine.Server.Hubs;
using SyncEngine.Server.Observability;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Hosting;

/// <summary>Composes the engine: which implementation serves which port, which middleware and endpoints the application has.</summary>
static class EngineServices
{
    public static void AddSyncEngine(
        this IServiceCollection services, IConfiguration configuration, string contentRoot, OpenedDatabases databases)
    {
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<EngineMetrics>();
        services.AddSyncOptions(configuration, contentRoot);
        services.AddDatabase(configuration, databases);
        services.AddEngine();
        services.AddLoops(databases.NoStream);
        services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(10));
        services.AddSyncAuthentication(configuration, databases.IsEmbedded);
        services.AddSyncErrors();
        services.AddChannels(configuration, databases.Channels);
        services.AddSyncCors(configuration);
        services.AddSyncObservability(configuration);
        services.AddDatabaseHealth();
        services.AddHub(databases.NoStream);
        // ServerHost reports a start that fails, a port in use among others, in one line; EngineLoops reports a loop that fails.
        services.AddLogging(logging => logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None));
    }

    /// <param name="noStream">The reason why live queries are off; null when they are on.</param>
    public static void UseSyncEngine(this WebApplication app, Finding? noStream)
    {
        app.Configuration.WarnOfUnknownKeys(app.Logger);
        app.UseSyncErrors();
        app.UseRouting();
        app.UseSyncCors();
        if (noStream is not null)
        {
            app.UseLiveQueriesOff(noStream);
        }

        app.UsePlayground();
        app.UseWebSockets();
        app.UseSyncAuthentication();
        app.MapSubscribe();
        app.MapEvents();
        app.MapChannels();
        app.MapSubscribeSocket();
        app.MapSchema();
        app.MapDemo();
        app.MapSyncHealth();
        app.MapSyncMetrics();
        app.MapHub<SyncHub>("/sync", connection =>
        {
            // The bytes that SignalR may hold for a slow client before our own queue does.
            connection.TransportMaxBufferSize = 128 * 1024;
            connection.ApplicationMaxBufferSize = 64 * 1024;
        }).RequirePrincipal();
    }

    /// <summary>Adds the database, and the options of what works with it.</summary>
    private static void AddDatabase(this IServiceCollection services, IConfiguration configuration, OpenedDatabases databases)
    {
        var limits = OptionsBinder.Bind<LimitOptions>(configuration, LimitOptions.Section);
        var queries = OptionsBinder.Bind<QueryOptions>(configuration, QueryOptions.Section);
        var replication = OptionsReader.Replication(configuration);
        var isPersistent = replication.Slot == SlotKind.Persistent;
        var session = new QuerySessionOptions { SearchPath = queries.Schemas, StatementTimeout = limits.StatementTimeout };
        services.AddSingleton(databases.Main);
        services.AddSingleton(databases.DataSource);
        services.AddSingleton(replication);
        services.AddSingleton(session);
        services.AddSingleton(new CatalogOptions
        {
            Publication = replication.Publication,
            SearchPath = session.SearchPath,
            IsSlotKept = isPersistent,
        });
        services.AddSingleton(new SnapshotOptions { RowsPerResult = limits.RowsPerResult, BytesPerResult = limits.BytesPerResult });
        services.AddSingleton(new ReplicationSourceOptions
        {
            ConnectionString = databases.Main.Address.ConnectionString,
            Publication = replication.Publication,
            SlotName = isPersistent ? replication.SlotName : "syncengine",
            IsPersistent = isPersistent,
        });
        services.AddSingleton(new PublicationSetup(databases.DataSource, replication));
        services.AddSingleton(new DemoWrites(databases.DataSource));
        services.AddSingleton(_ => new DemoActivity(databases.DataSource, TimeProvider.System));
    }

    /// <summary>Adds the engine and what serves its ports.</summary>
    private static void AddEngine(this IServiceCollection services)
    {
        services.AddSingleton<ReplicationSource>();
        services.AddSingleton<IChangeSource>(provider => provider.GetRequiredService<ReplicationSource>());
        services.AddSingleton<CatalogReader>();
        services.AddSingleton<ISchemaSource>(provider => provider.GetRequiredService<CatalogReader>());
        services.AddSingleton<IQueryAnalyst, QueryAnalyst>();
        services.AddSingleton<ISnapshotReader, SnapshotReader>();
        services.AddSingleton<IRoleCheck, RoleCheck>();
        services.AddSingleton(provider => new QueryPlanner(
            provider.GetRequiredService<IQueryAnalyst>(),
            provider.GetRequiredService<ISchemaSource>(),
            provider.GetRequiredService<EngineOptions>().ClockInterval));
        services.AddSingleton<LiveQueryEngine>();
        services.AddSingleton<StreamService>();
        services.AddSingleton<SchemaFollower>();
        services.AddSingleton<SubscriptionService>();
        services.AddSingleton<RequestReader>();
    }

    private static void AddLoops(this IServiceCollection services, Finding? noStream)
    {
        if (noStream is not null)
        {
            services.AddSingleton<IHealthPart>(_ => new LiveQueriesOff(noStream, TimeProvider.System));
            return;
        }

        services.AddSingleton<PublicationUpdater>();
        services.AddSingleton<EngineReports>();
        services.AddSingleton(provider => new HostedLoop("stream", provider.GetRequiredService<ReplicationSource>().RunAsync));
        services.AddSingleton(provider => new HostedLoop("schema", provider.GetRequiredService<CatalogReader>().RunAsync));
        services.AddSingleton(provider => new HostedLoop("change", provider.GetRequiredService<LiveQueryEngine>().RunAsync));
        services.AddSingleton(provider => new HostedLoop("plan", provider.GetRequiredService<SchemaFollower>().RunAsync));
        services.AddSingleton(provider => new HostedLoop("publication", provider.GetRequiredService<PublicationUpdater>().RunAsync));
        services.AddHostedService<EngineLoops>();
        services.AddSingleton<IHealthPart, ReplicationHealth>();
    }

    private static void AddHub(this IServiceCollection services, Finding? noStream)
    {
        services.AddSignalR(hub =>
        {
            hub.MaximumReceiveMessageSize = 64 * 1024;
            hub.StreamBufferCapacity = 2;
            hub.MaximumParallelInvocationsPerClient = 4;
            hub.AddFilter<HubErrors>();
            if (noStream is not null)
            {
                hub.AddFilter<LiveQueriesOffFilter>();
            }
        });
        // Of two protocols of one name the later is taken.
        services.AddSingleton<IHubProtocol, FrameProtocol>();
        // This category writes every refused call as an error with its stack. HubErrors logs those that are ours to repair, under the id
        // that the client quotes.
        services.AddLogging(logging => logging.AddFilter("Microsoft.AspNetCore.SignalR.Internal.DefaultHubDispatcher", LogLevel.None));
    }
}
