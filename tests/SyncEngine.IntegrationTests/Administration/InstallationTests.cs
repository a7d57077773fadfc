using System.Text;
using System.Text.Json;
using Dapper;
using Npgsql;
using Npgsql.Replication;
using Npgsql.Replication.PgOutput;
using Npgsql.Replication.PgOutput.Messages;
using SyncEngine.Changes;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Sessions;
using Xunit;

namespace SyncEngine.IntegrationTests.Administration;

public sealed class InstallationTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly CancellationTokenSource limit = new(TimeSpan.FromSeconds(60), TimeProvider.System);
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.CreateDatabaseAsync();

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        limit.Dispose();
    }

    [Fact]
    public async Task Tables_with_a_replica_identity_are_published_and_the_others_named()
    {
        await database.ExecuteAsync(""""
            CREATE TABLE keyed (id int PRIMARY KEY);
            CREATE TABLE whole (a int); ALTER TABLE whole REPLICA IDENTITY FULL;
            CREATE TABLE indexed (a int NOT NULL UNIQUE); ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_a_key;
            CREATE TABLE "Bare ""one""" (a int);
            CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
            CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE);
            CREATE UNLOGGED TABLE volatile_one (id int PRIMARY KEY);
            CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.keyed (id int PRIMARY KEY);
            CREATE VIEW seen AS SELECT 1;
            """");
        var change = await Setup().EnsureAsync(limit.Token);

        Assert.True(change.IsCreated);
        Assert.Equal(["indexed", "keyed", "whole"], change.Added.Select(table => table.Name));
        Assert.Equal(["Bare \"one\"", "deferred", "nothing", "volatile_one"], change.LeftOut.Select(left => left.Table.Name).Order(StringComparer.Ordinal));
        Assert.Equal(["indexed", "keyed", "whole"], await PublishedAsync());

        foreach (var left in change.LeftOut)
        {
            await database.ExecuteAsync(left.Repair);
        }

        var repaired = await Setup().EnsureAsync(limit.Token);
        Assert.False(repaired.IsCreated);
        Assert.Empty(repaired.LeftOut);
        Assert.Equal(4, repaired.Added.Count);
    }

    [Fact]
    public async Task Partitions_follow_their_root_only_when_every_later_one_is_safe()
    {
        await database.ExecuteAsync("""
            CREATE TABLE safe (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
            CREATE TABLE safe_1 PARTITION OF safe FOR VALUES FROM (0) TO (100);
            CREATE TABLE unsafe (id int, v text) PARTITION BY RANGE (id);
            CREATE TABLE unsafe_1 PARTITION OF unsafe FOR VALUES FROM (0) TO (100); ALTER TABLE unsafe_1 REPLICA IDENTITY FULL;
            CREATE TABLE unsafe_2 PARTITION OF unsafe FOR VALUES FROM (100) TO (200);
            CREATE TABLE parent (id int PRIMARY KEY);
            CREATE TABLE child () INHERITS (parent);
            """);
        var change = await Setup().EnsureAsync(limit.Token);

        Assert.Equal(["parent", "safe", "unsafe_1"], change.Added.Select(table => table.Name).Order(StringComparer.Ordinal));
        Assert.Equal(["child", "unsafe_2"], change.LeftOut.Select(left => left.Table.Name));
        await database.ExecuteAsync("CREATE TABLE safe_2 PARTITION OF safe FOR VALUES FROM (100) TO (200)");
        Assert.Equal(["parent", "safe_1", "safe_2", "unsafe_1"], await PublishedAsync());
        Assert.Empty((await Setup().AddMissingTablesAsync(limit.Token)).Added);

        // The application's own writes go on working.
        await database.ExecuteAsync("INSERT INTO unsafe VALUES (150, 'a'); UPDATE unsafe SET v = 'b'; INSERT INTO child VALUES (1); DELETE FROM child; UPDATE safe SET v = 'c'");
    }

    [Fact]
    public async Task A_table_that_appears_is_added_with_the_id_below_which_writers_may_have_been_missed()
    {
        await Setup().EnsureAsync(limit.Token);
        await database.ExecuteAsync("CREATE TABLE late (id int PRIMARY KEY)");
        await using var writer = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await writer.BeginTransactionAsync();
        await writer.ExecuteAsync("INSERT INTO late VALUES (1)");
        var missed = ulong.Parse((await writer.ExecuteScalarAsync<string>("SELECT pg_current_xact_id()::text"))!);

        // ALTER PUBLICATION does not wait for the writer, whose row will not be streamed.
        var change = await Setup().AddMissingTablesAsync(limit.Token);
        Assert.Equal(["late"], change.Added.Select(table => table.Name));
        Assert.True(change.StreamedAfterXid > missed, $"{change.StreamedAfterXid} must be above {missed}");
        Assert.True(PgSnapshot.Parse((await database.ScalarAsync<string>("SELECT pg_current_snapshot()::text"))!).Xmin < change.StreamedAfterXid);
        await transaction.CommitAsync();
        Assert.True(PgSnapshot.Parse((await database.ScalarAsync<string>("SELECT pg_current_snapshot()::text"))!).Xmin >= change.StreamedAfterXid);

        var again = await Setup().AddMissingTablesAsync(limit.Token);
        Assert.Empty(again.Added);
        Assert.Equal(0UL, again.StreamedAfterXid);
    }

    [Fact]
    public async Task Several_engines_may_set_up_at_once()
    {
        await database.ExecuteAsync("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)");
        var changes = await Task.WhenAll(Enumerable.Range(0, 6).Select(async _ =>
        {
            await foreach (var finding in Installation().InstallAsync(limit.Token))
            {
                Assert.NotEqual(FindingKind.Missing, finding.Kind);
            }

            return await Setup().EnsureAsync(limit.Token);
        }));
        Assert.All(changes, change => Assert.Empty(change.Added));
        Assert.Equal(["a", "b"], await PublishedAsync());
    }

    [Fact]
    public async Task Tables_of_other_owners_are_left_out_and_named()
    {
        var role = $"{database.Name}_engine";
        await database.ExecuteAsync($"CREATE TABLE theirs (id int PRIMARY KEY); CREATE ROLE {role} LOGIN REPLICATION PASSWORD 'secret'; GRANT CREATE ON DATABASE {database.Name} TO {role}; GRANT CREATE, USAGE ON SCHEMA public TO {role}");
        var address = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Username = role, Password = "secret", Pooling = false };
        await using (var dataSource = NpgsqlDataSource.Create(SessionSettings.Apply(address)))
        {
            var installation = new DatabaseInstallation(dataSource, new ReplicationOptions());
            await database.ExecuteAsync($"SET ROLE {role}; CREATE TABLE ours (id int PRIMARY KEY); RESET ROLE");
            var lines = await LinesAsync(installation.InstallAsync(limit.Token));
            Assert.Contains(lines, line => line.StartsWith("done    table public.ours added", StringComparison.Ordinal));
            Assert.Contains(lines, line => line.Contains("table public.theirs is left out: it belongs to role", StringComparison.Ordinal));
            Assert.Contains(lines, line => line.StartsWith("note    DDL is found by reading the catalog", StringComparison.Ordinal));
            var check = await LinesAsync(installation.CheckAsync(limit.Token));
            Assert.Equal(["theirs"], check.Where(line => line.StartsWith("missing", StringComparison.Ordinal)).Select(line => line.Contains("theirs", StringComparison.Ordinal) ? "theirs" : line));
            await LinesAsync(installation.UninstallAsync(limit.Token));
        }

        await database.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
    }

    [Fact]
    public async Task Check_names_missing_objects_and_its_SQL_makes_them()
    {
        await database.ExecuteAsync("CREATE TABLE keyed (id int PRIMARY KEY, v text); CREATE TABLE bare (a int); CREATE TABLE broken (id int PRIMARY KEY)");
        await database.ExecuteAsync("CREATE PUBLICATION sync FOR TABLE broken WITH (publish = 'insert', publish_via_partition_root = true); ALTER TABLE broken REPLICA IDENTITY NOTHING");
        await using (var connection = await database.DataSource.OpenConnectionAsync(limit.Token))
        {
            await HelperSetup.InstallAsync(connection, limit.Token);
        }

        var installation = Installation(SlotKind.Persistent);
        var missing = (await FindingsAsync(installation.CheckAsync(limit.Token))).Where(finding => finding.Kind == FindingKind.Missing).ToList();
        Assert.All(missing, finding => Assert.NotNull(finding.Repair));
        string[] expected = ["leaves out changes", "public.keyed is not in publication", "public.broken is published and has REPLICA IDENTITY NOTHING", "public.bare is left out", "slot"];
        Assert.All(expected, text => Assert.Contains(missing, finding => finding.Text.Contains(text, StringComparison.Ordinal)));
        Assert.Equal(expected.Length, missing.Count);

        foreach (var finding in missing)
        {
            await database.ExecuteAsync(finding.Repair!);
        }

        // A table that gains an identity can be published from then on.
        var second = (await FindingsAsync(installation.CheckAsync(limit.Token))).Where(finding => finding.Kind == FindingKind.Missing).ToList();
        Assert.Equal(["table public.bare is not in publication \"sync\""], second.Select(finding => finding.Text));
        await database.ExecuteAsync(second[0].Repair!);
        Assert.DoesNotContain(await FindingsAsync(installation.CheckAsync(limit.Token)), finding => finding.Kind == FindingKind.Missing);
    }

    [Fact]
    public async Task Check_names_row_filters_and_column_lists()
    {
        Assert.SkipWhen(postgres.Major < 15, "row filters are there from 15 on");
        await database.ExecuteAsync("CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text); CREATE PUBLICATION sync FOR TABLE a WHERE (id > 0), b (id)");
        var installation = Installation();
        var missing = (await FindingsAsync(installation.CheckAsync(limit.Token))).Where(finding => finding.Text.Contains("row filter", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, missing.Count);
        foreach (var finding in missing)
        {
            await database.ExecuteAsync(finding.Repair!);
        }

        Assert.DoesNotContain(await FindingsAsync(installation.CheckAsync(limit.Token)), finding => finding.Text.Contains("row filter", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Publication_streams_generated_columns_where_the_server_can()
    {
        Assert.SkipWhen(postgres.Major < 18, "stored generated columns are streamed from 18 on");
        await Setup().EnsureAsync(limit.Token);
        Assert.Equal("s", await database.ScalarAsync<string>("SELECT pubgencols::text FROM pg_publication WHERE pubname = 'sync'"));
    }

    [Fact]
    public async Task Setup_and_uninstall_may_be_run_twice_and_leave_nothing()
    {
        await database.ExecuteAsync("CREATE TABLE a (id int PRIMARY KEY)");
        const string Count = """
            SELECT (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_event_trigger)
                + (SELECT count(*) FROM pg_namespace WHERE nspname = 'sync')
                + (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())
            """;
        var installation = Installation(SlotKind.Persistent);
        Assert.Equal(0, await database.ScalarAsync<int>(Count));
        await LinesAsync(installation.InstallAsync(limit.Token));
        Assert.Equal(5, await database.ScalarAsync<int>(Count));
        Assert.Contains(await LinesAsync(installation.InstallAsync(limit.Token)), line => line.StartsWith("ok      replication slot", StringComparison.Ordinal));
        Assert.DoesNotContain(await FindingsAsync(installation.CheckAsync(limit.Token)), finding => finding.Kind == FindingKind.Missing);
        await LinesAsync(installation.UninstallAsync(limit.Token));
        Assert.Equal(0, await database.ScalarAsync<int>(Count));
        Assert.All(await LinesAsync(installation.UninstallAsync(limit.Token)), line => Assert.StartsWith("ok", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Uninstall_keeps_a_schema_that_holds_something_of_others()
    {
        await LinesAsync(Installation().InstallAsync(limit.Token));
        await database.ExecuteAsync("CREATE TABLE sync.precious (id int PRIMARY KEY)");
        Assert.Contains("note    schema sync is kept: it holds other objects", await LinesAsync(Installation().UninstallAsync(limit.Token)));
        Assert.Equal(0, await database.ScalarAsync<int>("SELECT count(*) FROM sync.precious"));
    }

    [Fact]
    public async Task A_slot_in_use_is_not_dropped_and_the_reason_is_reported()
    {
        var installation = Installation(SlotKind.Persistent);
        await LinesAsync(installation.InstallAsync(limit.Token));
        await using var replication = await ReplicateAsync();
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
        var reader = Task.Run(() => ReadMessagesAsync(replication, $"{database.Name}_slot", 1, reading.Token));
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        while (!await database.ScalarAsync<bool>("SELECT active FROM pg_replication_slots WHERE database = current_database()"))
        {
            await tick.WaitForNextTickAsync(limit.Token);
        }

        var problem = await Assert.ThrowsAsync<OperatorException>(() => LinesAsync(installation.UninstallAsync(limit.Token)));
        Assert.Contains("is in use; stop the engine", problem.Message, StringComparison.Ordinal);
        await reading.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reader);
    }

    [Fact]
    public async Task Acknowledgements_are_part_of_the_transaction_and_rejections_are_not()
    {
        await LinesAsync(Installation().InstallAsync(limit.Token));
        var role = $"{database.Name}_application";
        await database.ExecuteAsync($"CREATE ROLE {role}");
        await using var replication = await ReplicateAsync();
        var slot = $"{database.Name}_messages";
        await replication.CreatePgOutputReplicationSlot(slot, temporarySlot: true);

        await database.ExecuteAsync($"BEGIN; SET LOCAL ROLE {role}; SELECT sync.ack('rolled back'); ROLLBACK");
        await database.ExecuteAsync($"BEGIN; SET LOCAL ROLE {role}; SELECT sync.reject('no', 'sold \"out\"'); ROLLBACK");
        await database.ExecuteAsync($"BEGIN; SET LOCAL ROLE {role}; SELECT sync.ack('yes – ñ'); COMMIT");
        var messages = await ReadMessagesAsync(replication, slot, 2, limit.Token);

        Assert.Equal(("sync.reject", false), (messages[0].Prefix, messages[0].IsTransactional));
        using var rejection = JsonDocument.Parse(messages[0].Content);
        Assert.Equal("no", rejection.RootElement.GetProperty("id").GetString());
        Assert.Equal("sold \"out\"", rejection.RootElement.GetProperty("reason").GetString());
        Assert.Equal(("sync.ack", true, "yes – ñ"), (messages[1].Prefix, messages[1].IsTransactional, messages[1].Content));
        await database.ExecuteAsync($"DROP ROLE {role}");
    }

    [Fact]
    public async Task A_rejection_in_a_rolled_back_transaction_streams_although_no_other_client_writes()
    {
        await LinesAsync(Installation().InstallAsync(limit.Token));
        await using var replication = await ReplicateAsync();
        var slot = $"{database.Name}_reject";
        await replication.CreatePgOutputReplicationSlot(slot, temporarySlot: true);
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(5), TimeProvider.System);
        await database.ExecuteAsync("BEGIN; SELECT sync.reject('alone', NULL); ROLLBACK");
        Assert.Equal("sync.reject", (await ReadMessagesAsync(replication, slot, 1, soon.Token))[0].Prefix);
    }

    [Fact]
    public async Task DDL_is_announced_with_its_transaction_and_temporary_objects_are_not()
    {
        await LinesAsync(Installation().InstallAsync(limit.Token));
        await database.ExecuteAsync("CREATE TABLE lasting (id int PRIMARY KEY)");
        var role = $"{database.Name}_migration";
        await database.ExecuteAsync($"CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}");
        await using var replication = await ReplicateAsync();
        var slot = $"{database.Name}_ddl";
        await replication.CreatePgOutputReplicationSlot(slot, temporarySlot: true);

        await database.ExecuteAsync("CREATE TEMP TABLE passing (id int); CREATE INDEX ON passing (id); ALTER TABLE passing ADD v text; DROP TABLE passing");
        await database.ExecuteAsync("BEGIN; CREATE TABLE undone (id int); ROLLBACK");
        await database.ExecuteAsync($"BEGIN; SET LOCAL ROLE {role}; CREATE TABLE theirs (id int); COMMIT");
        await database.ExecuteAsync("ALTER TABLE lasting ADD v text");
        await database.ExecuteAsync($"GRANT SELECT ON lasting TO {role}");
        await database.ExecuteAsync("DROP TABLE lasting");
        await database.ExecuteAsync("SET session_replication_role = replica; CREATE TABLE replicated (id int); RESET session_replication_role");
        var messages = await ReadMessagesAsync(replication, slot, 5, limit.Token);
        Assert.Equal(["CREATE TABLE", "ALTER TABLE", "GRANT", "DROP TABLE", "CREATE TABLE"], messages.Select(message => message.Content));
        Assert.All(messages, message => Assert.Equal(("sync.ddl", true), (message.Prefix, message.IsTransactional)));
        await database.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
    }

    private PublicationSetup Setup() => new(database.DataSource, new ReplicationOptions());

    private DatabaseInstallation Installation(SlotKind slot = SlotKind.Temporary) =>
        new(database.DataSource, new ReplicationOptions { Slot = slot, SlotName = $"{database.Name}_slot" });

    private async Task<IEnumerable<string>> PublishedAsync()
    {
        await using var connection = await database.DataSource.OpenConnectionAsync(limit.Token);
        return await connection.QueryAsync<string>("SELECT tablename::text FROM pg_publication_tables WHERE pubname = 'sync' ORDER BY 1");
    }

    private async Task<LogicalReplicationConnection> ReplicateAsync()
    {
        var replication = new LogicalReplicationConnection(database.ConnectionString);
        await replication.Open(limit.Token);
        return replication;
    }

    private static async Task<List<(string Prefix, bool IsTransactional, string Content)>> ReadMessagesAsync(
        LogicalReplicationConnection replication, string slot, int count, CancellationToken cancellationToken)
    {
        var messages = new List<(string, bool, string)>();
        await foreach (var message in replication.StartReplication(
            new PgOutputReplicationSlot(slot), new PgOutputReplicationOptions("sync", PgOutputProtocolVersion.V1, messages: true), cancellationToken))
        {
            if (message is LogicalDecodingMessage logical)
            {
                using var reader = new StreamReader(logical.Data, Encoding.UTF8);
                messages.Add((logical.Prefix, logical.Flags == 1, await reader.ReadToEndAsync(cancellationToken)));
                if (messages.Count == count)
                {
                    break;
                }
            }
        }

        return messages;
    }

    private static async Task<List<Finding>> FindingsAsync(IAsyncEnumerable<Finding> findings)
    {
        var list = new List<Finding>();
        await foreach (var finding in findings)
        {
            list.Add(finding);
        }

        return list;
    }

    private static async Task<List<string>> LinesAsync(IAsyncEnumerable<Finding> findings) => [.. (await FindingsAsync(findings)).Select(finding => finding.ToString())];
}
