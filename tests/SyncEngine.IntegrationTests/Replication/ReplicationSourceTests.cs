using Npgsql;
using SyncEngine.Changes;
using SyncEngine.Ports;
using SyncEngine.Postgres.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Replication;

/// <summary>The events of each kind of change.</summary>
public sealed class ReplicationSourceTests(ReplicationDatabase server) : IClassFixture<ReplicationDatabase>
{
    private const string Plain = "CREATE TABLE a (id int PRIMARY KEY, body text)";
    private const string ARelation = "relation a(id! body) Default";

    [Fact]
    public async Task Row_kinds_arrive_in_order_in_one_transaction()
    {
        await using var probe = await StreamProbe.StartAsync(server, Plain);
        var started = await probe.StartedAsync();
        Assert.False(started.IsContinuation);
        await probe.ExecuteAsync(
            "BEGIN; INSERT INTO a VALUES (1, 'x'), (2, NULL); UPDATE a SET body = 'ü' WHERE id = 2; UPDATE a SET id = 3 WHERE id = 2; "
                + "DELETE FROM a WHERE id = 1; COMMIT");
        var seen = await probe.TransactionAsync();
        Assert.Equal(
            [ARelation, "insert a (1,x)", "insert a (2,NULL)", "update a (2,ü)", "update a Key (2,NULL) -> (3,ü)", "delete a Key (1,NULL)"],
            seen.Changes);
        Assert.Equal(await probe.OidsAsync(), seen.Touched);
        Assert.True(seen.EndLsn > seen.CommitLsn && seen.CommitLsn >= started.From);
        Assert.Equal(1, seen.WatchVersion);
    }

    [Fact]
    public async Task Old_images_follow_the_replica_identity()
    {
        await using var probe = await StreamProbe.StartAsync(
            server,
            """
            CREATE TABLE f (id int PRIMARY KEY, body text); ALTER TABLE f REPLICA IDENTITY FULL;
            CREATE TABLE i (id int PRIMARY KEY, code text NOT NULL, body text); CREATE UNIQUE INDEX i_code ON i (code); ALTER TABLE i REPLICA IDENTITY USING INDEX i_code;
            CREATE TABLE n (id int PRIMARY KEY); ALTER TABLE n REPLICA IDENTITY NOTHING
            """);
        await probe.StartedAsync();
        await probe.ExecuteAsync(
            """
            BEGIN;
            INSERT INTO f VALUES (1, NULL); UPDATE f SET body = 'b'; DELETE FROM f;
            INSERT INTO i VALUES (1, 'c', 'b'); UPDATE i SET body = 'x'; UPDATE i SET code = 'd'; DELETE FROM i;
            INSERT INTO n VALUES (1); COMMIT
            """);
        Assert.Equal(
            [
                "relation f(id! body!) Full", "insert f (1,NULL)", "update f Full (1,NULL) -> (1,b)", "delete f Full (1,b)",
                "relation i(id code! body) Index",
                "insert i (1,c,b)",
                "update i (1,c,x)",
                "update i Key (NULL,c,NULL) -> (1,d,x)",
                "delete i Key (NULL,d,NULL)",
                "relation n(id) Nothing", "insert n (1)",
            ],
            (await probe.TransactionAsync()).Changes);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => probe.ExecuteAsync("DELETE FROM n"));
        Assert.Equal("55000", refused.SqlState);
    }

    [Fact]
    public async Task A_large_value_that_did_not_change_is_not_sent()
    {
        await using var probe = await StreamProbe.StartAsync(
            server,
            "CREATE TABLE a (id int PRIMARY KEY, body text, note text); ALTER TABLE a ALTER body SET STORAGE EXTERNAL; "
                + "INSERT INTO a VALUES (1, repeat('x', 10000), 'n')");
        await probe.StartedAsync();
        await probe.ExecuteAsync("UPDATE a SET note = 'm'");
        await probe.ExecuteAsync("UPDATE a SET id = 2");
        await probe.ExecuteAsync("ALTER TABLE a REPLICA IDENTITY FULL; UPDATE a SET note = 'o'");
        Assert.Equal("update a (1,unchanged,m)", (await probe.TransactionAsync()).Changes[^1]);
        Assert.Equal("update a Key (1,NULL,NULL) -> (2,unchanged,m)", (await probe.TransactionAsync()).Changes[^1]);
        Assert.Equal($"update a Full (2,{new string('x', 10000)},m) -> (2,unchanged,o)", (await probe.TransactionAsync()).Changes[^1]);
    }

    [Fact]
    public async Task Truncate_names_every_table_it_emptied()
    {
        await using var probe = await StreamProbe.StartAsync(
            server, "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p)", watchAll: false);
        await probe.StartedAsync();
        await probe.ExecuteAsync("TRUNCATE p RESTART IDENTITY CASCADE");
        var seen = await probe.TransactionAsync();
        Assert.Equal("truncate 2 Cascade, RestartIdentity", seen.Changes[^1]);
        Assert.Equal((await probe.OidsAsync()).Order(), seen.Touched.Order());
    }

    [Fact]
    public async Task Ddl_in_the_middle_of_a_transaction_describes_the_relation_again()
    {
        await using var probe = await StreamProbe.StartAsync(server, Plain);
        await probe.StartedAsync();
        await probe.ExecuteAsync(
            "BEGIN; INSERT INTO a VALUES (1, 'x'); ALTER TABLE a ADD c int DEFAULT 7; INSERT INTO a VALUES (2, 'y'); "
                + "ALTER TABLE a DROP body; INSERT INTO a VALUES (3, 9); COMMIT");
        Assert.Equal(
            [ARelation, "insert a (1,x)", "relation a(id! body c) Default", "insert a (2,y,7)", "relation a(id! c) Default", "insert a (3,9)"],
            (await probe.TransactionAsync()).Changes);
    }

    [Fact]
    public async Task Messages_of_a_rolled_back_transaction_never_come()
    {
        await using var probe = await StreamProbe.StartAsync(server, Plain);
        await probe.StartedAsync();
        await probe.ExecuteAsync("BEGIN; INSERT INTO a VALUES (1, 'lost'); ROLLBACK");
        await probe.ExecuteAsync(
            "BEGIN; INSERT INTO a VALUES (2, 'x'); SAVEPOINT s; INSERT INTO a VALUES (3, 'lost'); ROLLBACK TO s; "
                + "INSERT INTO a VALUES (4, 'y'); COMMIT");
        Assert.Equal([ARelation, "insert a (2,x)", "insert a (4,y)"], (await probe.TransactionAsync()).Changes);
    }

    [Fact]
    public async Task Copied_rows_are_one_transaction_with_the_full_transaction_id()
    {
        await using var probe = await StreamProbe.StartAsync(server, Plain);
        await probe.StartedAsync();
        ulong xid;
        await using (var connection = await server.OpenAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await using (var copy = await connection.BeginTextImportAsync($"COPY {probe.Name}.a FROM STDIN"))
            {
                for (var i = 0; i < 500; i++)
                {
                    await copy.WriteAsync($"{i}\tbody {i}\n");
                }
            }

            await using var command = new NpgsqlCommand("SELECT pg_current_xact_id()::text", connection, transaction);
            xid = ulong.Parse((string)(await command.ExecuteScalarAsync())!);
            await transaction.CommitAsync();
        }

        var seen = await probe.TransactionAsync();
        Assert.Equal(501, seen.Changes.Count);
        Assert.Equal("insert a (499,body 499)", seen.Changes[^1]);
        Assert.Equal(xid, seen.Xid);
    }

    [Fact]
    public async Task A_prepared_transaction_comes_when_it_is_committed()
    {
        await using var probe = await StreamProbe.StartAsync(server, Plain);
        await probe.StartedAsync();
        await probe.ExecuteAsync($"BEGIN; INSERT INTO a VALUES (1, 'prepared'); PREPARE TRANSACTION '{probe.Name}'");
        await probe.ExecuteAsync("INSERT INTO a VALUES (2, 'before')");
        await server.ExecuteAsync($"COMMIT PREPARED '{probe.Name}'");
        Assert.Equal("insert a (2,before)", (await probe.TransactionAsync()).Changes[^1]);
        Assert.Equal("insert a (1,prepared)", (await probe.TransactionAsync()).Changes[^1]);
    }

    [Fact]
    public async Task Logical_messages_come_inside_their_transaction_or_at_once()
    {
        await using var probe = await StreamProbe.StartAsync(server, Plain);
        await probe.StartedAsync();
        await probe.ExecuteAsync(
            "BEGIN; INSERT INTO a VALUES (1, 'x'); SELECT pg_logical_emit_message(true, 'mark', 'inside'); "
                + "SELECT pg_logical_emit_message(false, 'mark', 'at once'); COMMIT");
        var message = await probe.MessageAsync();
        Assert.Equal(("mark", "at once"), (message.Prefix, System.Text.Encoding.UTF8.GetString(message.Content)));
        var seen = await probe.TransactionAsync();
        Assert.Equal([ARelation, "insert a (1,x)", "message mark inside"], seen.Changes);
        Assert.True(message.Lsn <= seen.CommitLsn);
    }

    [Fact]
    public async Task Rows_are_kept_for_watched_relations_and_the_others_are_only_named()
    {
        await using var probe = await StreamProbe.StartAsync(server, Plain + "; CREATE TABLE b (id int PRIMARY KEY)", watchAll: false);
        await probe.StartedAsync();
        var oids = await probe.OidsAsync();
        const string Write =
            "BEGIN; INSERT INTO a SELECT coalesce(max(id), 0) + 1, 'x' FROM a; INSERT INTO b SELECT coalesce(max(id), 0) + 1 FROM b; "
                + "COMMIT";
        await probe.ExecuteAsync(Write);
        var before = await probe.TransactionAsync();
        Assert.Equal([ARelation, "relation b(id!) Default"], before.Changes);
        Assert.Equal(oids, before.Touched);
        Assert.Equal(0, before.WatchVersion);

        Assert.Equal(1, probe.Source.Watch([oids[1]]));
        await probe.ExecuteAsync(Write);
        var after = await probe.TransactionAsync();
        Assert.Equal(["insert b (2)"], after.Changes);
        Assert.Equal(oids, after.Touched);
        Assert.Equal(1, after.WatchVersion);
    }

    [Fact]
    public async Task A_transaction_beyond_the_memory_budget_waits_in_a_file_and_is_still_one()
    {
        var directory = Directory.CreateTempSubdirectory("syncengine-spill-test-").FullName;
        try
        {
            await File.WriteAllBytesAsync(Path.Combine(directory, "left.spill"), [1, 2, 3]);
            await using (var probe = await StreamProbe.StartAsync(
                server, Plain, o => o with { MemoryBudgetBytes = 256 * 1024, SpillDirectory = directory }))
            {
                await probe.StartedAsync();
                Assert.Empty(Directory.EnumerateFiles(directory));
                await probe.ExecuteAsync("INSERT INTO a SELECT i, 'body ' || i FROM generate_series(1, 100000) i");
                var happened = (SourceEvent.Transaction)await probe.NextAsync(e => e is SourceEvent.Transaction);
                Assert.Single(Directory.EnumerateFiles(directory));
                Assert.True(probe.Source.HeldBytes <= 512 * 1024, $"{probe.Source.HeldBytes} bytes are held");
                var rows = 0;
                using (happened.Committed)
                {
                    foreach (var chunk in happened.Committed.Chunks)
                    {
                        var reader = new ChangeReader(chunk.Span, probe.Relations);
                        while (reader.Read())
                        {
                            rows += reader.Kind == ChangeKind.Insert ? 1 : 0;
                        }
                    }
                }

                Assert.Equal(100_000, rows);
                Assert.Empty(Directory.EnumerateFiles(directory));
                await probe.ExecuteAsync("INSERT INTO a VALUES (0, 'after')");

                // The server describes a table again whenever its statistics have been renewed.
                Assert.Equal(
                    ["insert a (0,after)"],
                    (await probe.TransactionAsync()).Changes.Where(change => !change.StartsWith("relation", StringComparison.Ordinal)));
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task Values_do_not_depend_on_settings_of_the_role()
    {
        await using var probe = await StreamProbe.StartAsync(
            server, "CREATE TABLE v (id int PRIMARY KEY, t timestamptz, d date, i interval, f float8, b bytea)", watchAll: false);
        await probe.StopAsync();
        var role = probe.Name;
        await server.ExecuteAsync(
            $"""
            CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{TestDatabase.RolePassword}';
            ALTER ROLE {role} SET TimeZone = 'Asia/Tokyo'; ALTER ROLE {role} SET DateStyle = 'German'; ALTER ROLE {role} SET IntervalStyle = 'iso_8601';
            ALTER ROLE {role} SET extra_float_digits = -10; ALTER ROLE {role} SET bytea_output = 'escape'
            """);
        try
        {
            await using var other = await StreamProbe.StartAsync(
                server,
                "CREATE TABLE v (id int PRIMARY KEY, t timestamptz, d date, i interval, f float8, b bytea)",
                o => o with { ConnectionString = new NpgsqlConnectionStringBuilder(o.ConnectionString) { Username = role, Password = TestDatabase.RolePassword }.ConnectionString });
            await other.StartedAsync();
            await other.ExecuteAsync("""INSERT INTO v VALUES (1, '2024-01-01 00:00Z', '2024-02-03', '1 day 2 hours', 0.1 + 0.2::float8, '\x00ff')""");
            Assert.Equal("""insert v (1,2024-01-01 00:00:00+00,2024-02-03,1 day 02:00:00,0.30000000000000004,\x00ff)""", (await other.TransactionAsync()).Changes[^1]);
        }
        finally
        {
            await server.ExecuteAsync($"DROP ROLE {role}");
        }
    }

    [Fact]
    public async Task Names_with_quotes_are_names()
    {
        await using var probe = await StreamProbe.StartAsync(server, """CREATE TABLE "q""'" ("select" int PRIMARY KEY)""");
        await server.ExecuteAsync($"""CREATE PUBLICATION "p'""{probe.Name}" FOR TABLES IN SCHEMA {probe.Name}""");
        try
        {
            await using var other = new OtherSource(server, probe, $"p'\"{probe.Name}");
            await other.Source.Events.WaitToReadAsync(new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token);
            Assert.IsType<SourceEvent.Started>(await other.Source.Events.ReadAsync());
        }
        finally
        {
            await server.ExecuteAsync($"""DROP PUBLICATION "p'""{probe.Name}" """);
        }
    }

    private sealed class OtherSource : IAsyncDisposable
    {
        private readonly CancellationTokenSource stop = new();
        private readonly Task running;

        public OtherSource(ReplicationDatabase server, StreamProbe probe, string publication)
        {
            Source = new ReplicationSource(
                new ReplicationSourceOptions { ConnectionString = server.ConnectionString, Publication = publication }, TimeProvider.System,
                probe.Log);
            running = Source.RunAsync(stop.Token);
        }

        public ReplicationSource Source { get; }

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            await running;
            stop.Dispose();
        }
    }
}
