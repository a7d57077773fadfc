using Npgsql;
using Xunit;

namespace SyncEngine.IntegrationTests.Values;

/// <summary>A database whose sessions have the engine's settings for values, and names as a user's sessions resolve them.</summary>
public sealed class ValuesDatabase(PostgresFixture postgres) : IAsyncLifetime
{
    private const string Settings = "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=1 -c bytea_output=hex";

    private TestDatabase? database;

    public NpgsqlDataSource Database { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        Database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.ConnectionString) { Options = Settings });
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await database!.DisposeAsync();
    }
}
