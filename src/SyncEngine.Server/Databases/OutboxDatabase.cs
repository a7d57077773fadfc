using Npgsql;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Databases;

/// <summary>The database that holds the outbox: the main one, through the same pool, or one of its own.</summary>
sealed class OutboxDatabase : IAsyncDisposable
{
    private OutboxDatabase(NpgsqlDataSource dataSource, NpgsqlConnectionStringBuilder address, bool isMain)
    {
        Address = address;
        DataSource = dataSource;
        IsMain = isMain;
    }

    /// <summary>True when the stream of changes includes the outbox's rows.</summary>
    public bool IsMain { get; }

    public NpgsqlConnectionStringBuilder Address { get; }

    public NpgsqlDataSource DataSource { get; }

    public static OutboxDatabase Open(
        OutboxSettings settings, IConfiguration configuration, NpgsqlConnectionStringBuilder main, NpgsqlDataSource mainDataSource)
    {
        if (settings.Address is null)
        {
            return new OutboxDatabase(mainDataSource, main, isMain: true);
        }

        var own = new NpgsqlConnectionStringBuilder(settings.Address.ConnectionString);
        var address = MainDatabase.Prepare(own, OptionsReader.Database(configuration));
        address.Pooling = main.Pooling;
        return address.EquivalentTo(main)
            ? new OutboxDatabase(mainDataSource, main, isMain: true)
            : new OutboxDatabase(NpgsqlDataSource.Create(address), address, isMain: false);
    }

    public ValueTask DisposeAsync() => IsMain ? ValueTask.CompletedTask : DataSource.DisposeAsync();
}
