using Npgsql;
using Xunit;

namespace SyncEngine.IntegrationTests.Replication;

/// <summary>A database for tests of the stream, with a connection of its own for every statement.</summary>
public sealed class ReplicationDatabase(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;

    /// <summary>Of a superuser.</summary>
    public string ConnectionString => database.ConnectionString;

    public async ValueTask InitializeAsync() => database = await postgres.CreateDatabaseAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    public async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }
}
