using Dapper;
using Npgsql;
using Npgsql.Replication;
using Npgsql.Replication.PgOutput;
using Npgsql.Replication.PgOutput.Messages;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Sessions;
using Xunit;

namespace SyncEngine.IntegrationTests.Administration;

public sealed class SessionSettingsTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string ForeignSettings =
        "SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = 0; "
            + "SET bytea_output = 'escape'; "
        + "SET client_encoding = 'LATIN1'; SET standard_conforming_strings = off; SET search_path = public";

    private TestDatabase database = null!;
    private string role = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        role = $"{database.Name}_owner";
        await database.ExecuteAsync($"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'secret'");
        foreach (var setting in ForeignSettings.Split(';'))
        {
            await database.ExecuteAsync(
                $"ALTER ROLE {role} {setting}; ALTER DATABASE {database.Name} {setting}; "
                    + $"ALTER ROLE {role} IN DATABASE {database.Name} {setting}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await database.ExecuteAsync($"DROP ROLE {role}");
        await database.DisposeAsync();
    }

    [Fact]
    public async Task Settings_of_role_and_database_do_not_win_over_those_of_a_query_connection()
    {
        await using var dataSource = NpgsqlDataSource.Create(SessionSettings.Apply(OwnAddress()));
        for (var use = 0; use < 2; use++)
        {
            // The second time the connection comes from the pool, after the first has changed it.
            await using var connection = await dataSource.OpenConnectionAsync();
            foreach (var (name, value) in SessionSettings.All)
            {
                var shown = await connection.ExecuteScalarAsync<string>("SELECT current_setting(@name)", new { name });
                Assert.StartsWith(value, shown!, StringComparison.Ordinal);
            }

            await connection.ExecuteAsync("SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'");
        }
    }

    [Fact]
    public async Task Without_the_settings_those_of_role_and_database_would_show()
    {
        await using var dataSource = NpgsqlDataSource.Create(OwnAddress());
        await using var connection = await dataSource.OpenConnectionAsync();
        Assert.Equal("Asia/Tokyo", await connection.ExecuteScalarAsync<string>("SELECT current_setting('timezone')"));
    }

    [Fact]
    public async Task Values_of_a_replication_connection_are_written_with_the_settings()
    {
        await database.ExecuteAsync(
            "CREATE TABLE t (id int PRIMARY KEY, f float8, at timestamptz, b bytea, i interval, d date); CREATE PUBLICATION p FOR TABLE t");
        await using var replication = new LogicalReplicationConnection(SessionSettings.Apply(OwnAddress()).ConnectionString);
        await replication.Open();
        var slot = await replication.CreatePgOutputReplicationSlot($"{database.Name}_settings", temporarySlot: true);
        await database.ExecuteAsync(
            "INSERT INTO t VALUES (1, 0.1::float8 + 0.2, '2024-01-01 00:00:00+00', '\\x00ff', '1 day 02:00', '2024-03-02')");

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30), TimeProvider.System);
        await foreach (var message in replication.StartReplication(
            slot, new PgOutputReplicationOptions("p", PgOutputProtocolVersion.V1), limit.Token))
        {
            if (message is InsertMessage insert)
            {
                var values = new List<string>();
                await foreach (var value in insert.NewRow)
                {
                    values.Add((await value.Get<string>(limit.Token))!);
                }

                Assert.Equal(["1", "0.30000000000000004", "2024-01-01 00:00:00+00", "\\x00ff", "1 day 02:00:00", "2024-03-02"], values);
                return;
            }
        }

        Assert.Fail("the insert did not arrive");
    }

    [Fact]
    public void Applying_twice_changes_nothing_more()
    {
        var once = SessionSettings.Apply(new NpgsqlConnectionStringBuilder("Host=x;Options=-c work_mem=8MB")).ConnectionString;
        Assert.Equal(once, SessionSettings.Apply(new NpgsqlConnectionStringBuilder(once)).ConnectionString);
        Assert.Contains("work_mem=8MB", once, StringComparison.Ordinal);
    }

    private NpgsqlConnectionStringBuilder OwnAddress() => new(database.ConnectionString) { Username = role, Password = "secret" };
}
