using Npgsql;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Commands;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Hosting;

/// <summary>The database that holds the outbox: the main one, through the same pool, or one of its own.</summary>
sealed class OutboxDatabase : IAsyncDisposable
{
    private readonly bool isOwn;

    private OutboxDatabase(NpgsqlDataSource dataSource, bool isOwn)
    {
        DataSource = dataSource;
        this.isOwn = isOwn;
    }

    public NpgsqlDataSource DataSource { get; }

    public static OutboxDatabase Open(OutboxSettings settings, IConfiguration configuration, NpgsqlConnectionStringBuilder main, NpgsqlDataSource mainDataSource)
    {
        if (settings.Address is null)
        {
            return new OutboxDatabase(mainDataSource, isOwn: false);
        }

        var address = MainDatabase.Prepare(new NpgsqlConnectionStringBuilder(settings.Address.ConnectionString), OptionsReader.Database(configuration));
        address.Pooling = main.Pooling;
        return address.EquivalentTo(main) ? new OutboxDatabase(mainDataSource, isOwn: false) : new OutboxDatabase(NpgsqlDataSource.Create(address), isOwn: true);
    }

    public ValueTask DisposeAsync() => isOwn ? DataSource.DisposeAsync() : ValueTask.CompletedTask;
}
