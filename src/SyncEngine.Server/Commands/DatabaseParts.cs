using Npgsql;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Databases;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Commands;

/// <summary>The configured parts that keep something in a database, with their connections, for one command.</summary>
sealed class DatabaseParts : IAsyncDisposable
{
    private readonly NpgsqlDataSource main;
    private readonly OutboxDatabase? outboxDatabase;
    private IInstallation? outbox;
    private DeadLetters? deadLetters;

    private DatabaseParts(NpgsqlDataSource main, OutboxDatabase? outboxDatabase, IReadOnlyList<IInstallation> installations)
    {
        this.main = main;
        this.outboxDatabase = outboxDatabase;
        Installations = installations;
    }

    /// <summary>All parts, the engine's own first.</summary>
    public IReadOnlyList<IInstallation> Installations { get; }

    public static DatabaseParts Open(IConfiguration configuration, MainDatabase database, OutboxSettings? settings)
    {
        var main = NpgsqlDataSource.Create(database.Address);
        var replication = OptionsReader.Replication(configuration);
        if (settings is null)
        {
            return new DatabaseParts(main, outboxDatabase: null, [new DatabaseInstallation(main, replication)]);
        }

        var outboxDatabase = OutboxDatabase.Open(settings, configuration, database.Address, main);
        IInstallation engine = new DatabaseInstallation(main, replication, outboxDatabase.IsMain ? settings.Names : null);
        var outbox = new LocatedInstallation(
            new OutboxInstallation(outboxDatabase.DataSource, settings.Names, settings.Options.FixedRate, settings.UsesHub),
            $"outbox {settings.Names.Outbox}",
            outboxDatabase.Address,
            settings.Address is null ? database.Origin : settings.AddressOrigin);
        return new DatabaseParts(main, outboxDatabase, [database.IsFallback ? new OptionalLiveQueries(engine) : engine, outbox])
        {
            outbox = outbox,
            deadLetters = new DeadLetters(outboxDatabase.DataSource, settings.Names),
        };
    }

    /// <exception cref="OperatorException">No outbox is configured.</exception>
    public IInstallation RequireOutbox() => outbox ?? throw NoOutbox();

    /// <exception cref="OperatorException">No outbox is configured.</exception>
    public DeadLetters RequireDeadLetters() => deadLetters ?? throw NoOutbox();

    public async ValueTask DisposeAsync()
    {
        if (outboxDatabase is not null)
        {
            await outboxDatabase.DisposeAsync();
        }

        await main.DisposeAsync();
    }

    private static OperatorException NoOutbox() =>
        new($"no outbox is configured: set a key of {OutboxOptions.Section}, or give --adbc-config");
}
