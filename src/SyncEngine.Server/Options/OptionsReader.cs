using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Embedded;

namespace SyncEngine.Server.Options;

/// <summary>Reads the rooms that are needed before there are services.</summary>
static class OptionsReader
{
    public static DatabaseOptions Database(IConfiguration configuration) =>
        OptionsBinder.Bind<DatabaseOptions>(configuration, DatabaseOptions.Section);

    public static ReplicationOptions Replication(IConfiguration configuration) =>
        OptionsBinder.Bind<ReplicationOptions>(configuration, ReplicationOptions.Section);

    public static EmbeddedPostgresOptions Embedded(IConfiguration configuration, string contentRoot) =>
        OptionsBinder.Bind<EmbeddedPostgresOptions>(configuration, EmbeddedPostgresOptions.Section) with { ContentRoot = contentRoot };
}
