using System.Text.Json;
using Microsoft.AspNetCore.SignalR;
using Npgsql;
using SyncEngine.Observability;
using SyncEngine.Planning;
using SyncEngine.Ports;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Analysis;
using SyncEngine.Postgres.Catalog;
using SyncEngine.Postgres.Embedded;
using SyncEngine.Postgres.Replication;
using SyncEngine.Postgres.Sessions;
using SyncEngine.Postgres.Snapshots;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Commands;
using SyncEngine.Server.Endpoints;
using SyncEngine.Server.Errors;
using SyncEngine.Server.Hubs;
using SyncEngine.Server.Observability;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Hosting;

/// <summary>Puts the engine together: which implementation serves which port.</summary>
static class EngineServices
{
    public static void AddSyncEngine(
        this IServiceCollection services, IConfiguration configuration, MainDatabase database, NpgsqlDataSource dataSource, ReplicationOptions replication)
    {
        var rooms = SyncOptions.Read(configuration);
        services.AddSingleton(rooms.Limits);
        services.AddSingleton(rooms.Queries);
        services.AddSingleton<NamedQueries>();
        services.AddSingleton(rooms.ToEngineOptions());
        services.AddSingleton(replication);
        services.AddSingleton(dataSource);
        services.AddSingleton(database);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<EngineMetrics>();

        var session = new QuerySessionOptions { SearchPath = [.. rooms.Queries.SearchPath], StatementTimeout = rooms.Limits.StatementTimeout };
        services.AddSingleton(session);
        services.AddSingleton(new CatalogOptions { Publication = replication.Publication, SearchPath = session.SearchPath });
        services.AddSingleton(new SnapshotOptions { RowsPerResult = rooms.Limits.RowsPerResult, BytesPerResult = rooms.Limits.BytesPerResult });
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
        services.AddSingleton<QueryPlanner>();
        services.AddSingleton<ChangeProcessor>();
        services.AddSingleton<SubscriptionService>();
        services.AddSingleton(new PublicationSetup(dataSource, replication));
        services.AddSingleton(provider => new DemoActivity(provider.GetRequiredService<NpgsqlDataSource>(), TimeProvider.System));
        services.AddSingleton<RequestReader>();
        services.AddHostedService<EngineLoops>();
        services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(10));

        services.AddSyncAuthentication(configuration, isEmbedded: database.Embedded is not null);
        services.AddSyncErrors();
        services.AddSyncObservability(configuration);
        services.AddSingleton<IHealthPart, DatabaseHealth>();
        services.AddSingleton<IHealthPart, ReplicationHealth>();
        services.AddSignalR(hub =>
            {
                hub.MaximumReceiveMessageSize = 64 * 1024;
                hub.StreamBufferCapacity = 2;
                hub.MaximumParallelInvocationsPerClient = 4;
                hub.AddFilter<HubErrorFilter>();
            })
            .AddJsonProtocol(json => json.PayloadSerializerOptions.Converters.Add(new FrameConverter()));
    }

    public static void UseSyncEngine(this WebApplication app)
    {
        app.UseSyncErrors();
        app.UseSyncCors();
        app.UsePlayground();
        app.UseSyncAuthentication();
        app.UseWebSockets();
        app.MapSubscribe();
        app.MapEvents();
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
        });
    }
}
