using Npgsql;
using Xunit;

namespace SyncEngine.IntegrationTests.Sql;

/// <summary>A database for asking PostgreSQL what it makes of a text.</summary>
public sealed class ParsingDatabase(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;

    public NpgsqlDataSource DataSource => database.DataSource;

    /// <summary>As it may stand before a schema's name.</summary>
    public string Name => database.Name;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        await database.ExecuteAsync("""
            CREATE TABLE t (a int, b text, "C d" numeric, update int, delete bool, "É" date, time time, j jsonb, arr int[]);
            INSERT INTO t VALUES (1, 'x', 1.10, 2, true, '2020-01-01', '10:00', '{"k": [1]}', '{1,2,3}'), (2, 'it''s', NULL, 3, NULL, NULL, NULL, NULL, NULL);
            CREATE SCHEMA s;
            CREATE TABLE s.u (id int, "select" text);
            INSERT INTO s.u VALUES (1, 'y');
            CREATE FUNCTION s.twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
            """);
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();
}
