using Npgsql;
using SyncEngine.Server.Commands;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Hosting;

/// <summary>The database that holds the outbox: the main one, through the same pool, or one of its own.</summary>
sealed class OutboxDatabase : IAsyncDisposable
{
    private OutboxDatabase(NpgsqlDataSource dataSource, NpgsqlConnectionStringBuilder address, bool isMain)
    {
        Address = address;
        DataSource = dataSource;
        IsMain = isMain;
    }

    /// <summary>The stream of changes tells of the outbox, too.</summary>
    public bool IsMain { get; }

    public NpgsqlConnectionStringBuilder Address { get; }

    public NpgsqlDataSource DataSource { get; }

    public static OutboxDatabase Open(OutboxSettings settings, IConfiguration configuration, NpgsqlConnectionStringBuilder main, NpgsqlDataSource mainDataSource)
    {
        if (settings.Address is null)
        {
            return new OutboxDatabase(mainDataSource, main, isMain: true);
        }

        var address = MainDatabase.Prepare(new NpgsqlConnectionStringBuilder(settings.Address.ConnectionString), OptionsReader.Database(configuration));
        address.Pooling = main.Pooling;
        return address.EquivalentTo(main) ? new OutboxDatabase(mainDataSource, main, isMain: true) : new OutboxDatabase(NpgsqlDataSource.Create(address), address, isMain: false);
    }

    public ValueTask DisposeAsync() => IsMain ? ValueTask.CompletedTask : DataSource.DisposeAsync();
}
