using System.Text.Json;
using Microsoft.AspNetCore.SignalR;
using Npgsql;
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
using SyncEngine.Server.Commands;
using SyncEngine.Server.Cors;
using SyncEngine.Server.Endpoints;
using SyncEngine.Server.Errors;
using SyncEngine.Server.Hubs;
using SyncEngine.Server.Observability;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Hosting;

/// <summary>Puts the engine together: which implementation serves which port.</summary>
static class EngineServices
{
    /// <param name="channels">Where the outbox is, and so what the hub target keeps.</param>
    /// <param name="noStream">Why the database cannot stream changes: live queries are off then. Null when it can.</param>
    public static void AddSyncEngine(
        this IServiceCollection services, IConfiguration configuration, string contentRoot, MainDatabase database, NpgsqlDataSource dataSource, NpgsqlDataSource channels, ReplicationOptions replication, Finding? noStream)
    {
        services.AddSyncOptions(configuration, contentRoot);
        var limits = OptionsBinder.Bind<LimitOptions>(configuration, LimitOptions.Section);
        var queries = OptionsBinder.Bind<QueryOptions>(configuration, QueryOptions.Section);
        services.AddSingleton(replication);
        services.AddSingleton(dataSource);
        services.AddSingleton(database);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<EngineMetrics>();

        var session = new QuerySessionOptions { SearchPath = [.. queries.SearchPath.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)], StatementTimeout = limits.StatementTimeout };
        services.AddSingleton(session);
        services.AddSingleton(new CatalogOptions { Publication = replication.Publication, SearchPath = session.SearchPath, IsSlotKept = replication.Slot == SlotKind.Persistent });
        services.AddSingleton(new SnapshotOptions { RowsPerResult = limits.RowsPerResult, BytesPerResult = limits.BytesPerResult });
        services.AddSingleton(new ReplicationSourceOptions
        {
            ConnectionString = database.Address.ConnectionString,
            Publication = replication.Publication,
            SlotName = replication.Slot == SlotKind.Persistent ? replication.SlotName : "syncengine",
            IsPersistent = replication.Slot == SlotKind.Persistent,
        });

        services.AddSingleton<ReplicationSource>();
        services.AddSingleton<IChangeSource>(provider => provider.GetRequiredService<ReplicationSource>());
        services.AddSingleton<CatalogReader>();
        services.AddSingleton<ISchemaSource>(provider => provider.GetRequiredService<CatalogReader>());
        services.AddSingleton<IQueryAnalyst, QueryAnalyst>();
        services.AddSingleton<ISnapshotReader, SnapshotReader>();
        services.AddSingleton(provider => new QueryPlanner(
            provider.GetRequiredService<IQueryAnalyst>(),
            provider.GetRequiredService<ISchemaSource>(),
            provider.GetRequiredService<EngineOptions>().ClockInterval));
        services.AddSingleton<LiveQueryEngine>();
        services.AddSingleton<StreamService>();
        services.AddSingleton<SchemaFollower>();
        services.AddSingleton<SubscriptionService>();
        services.AddSingleton(new PublicationSetup(dataSource, replication));
        services.AddSingleton(provider => new DemoWrites(provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddSingleton(provider => new DemoActivity(provider.GetRequiredService<NpgsqlDataSource>(), TimeProvider.System));
        services.AddSingleton<RequestReader>();
        if (noStream is null)
        {
            services.AddHostedService<EngineLoops>();
            services.AddSingleton<IHealthPart, ReplicationHealth>();
        }
        else
        {
            services.AddSingleton<IHealthPart>(_ => new LiveQueriesOff(noStream, TimeProvider.System));
        }

        services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(10));

        services.AddSyncAuthentication(configuration, isEmbedded: database.Embedded is not null);
        services.AddSyncErrors();
        services.AddChannels(configuration, channels);
        services.AddSyncCors(configuration);
        services.AddSingleton<IRoleCheck, RoleCheck>();
        services.AddSyncObservability(configuration);
        services.AddKeyedSingleton(DatabaseProbe.PartName, (provider, _) => new HealthPart(DatabaseProbe.PartName, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IHealthPart>(provider => provider.GetRequiredKeyedService<HealthPart>(DatabaseProbe.PartName));
        services.AddHostedService<DatabaseProbe>();
        // Writes every refused call as an error with its stack; what is ours to mend is logged by HubErrors, under the id that the client quotes.
        services.AddLogging(logging => logging
            .AddFilter("Microsoft.AspNetCore.SignalR.Internal.DefaultHubDispatcher", LogLevel.None)
            // A start that fails, a port in use among others, is told in one line by ServerHost, and a loop that fails by EngineLoops.
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None));
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
        services.AddSingleton<Microsoft.AspNetCore.SignalR.Protocol.IHubProtocol, FrameProtocol>();
    }

    /// <param name="noStream">As for <see cref="AddSyncEngine"/>.</param>
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
            // What SignalR may hold for a slow client before our own queue does.
            connection.TransportMaxBufferSize = 128 * 1024;
            connection.ApplicationMaxBufferSize = 64 * 1024;
        }).RequirePrincipal();
    }
}
