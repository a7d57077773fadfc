using Dapper;
using Npgsql;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Outbox;
using Xunit;

namespace SyncEngine.IntegrationTests.Administration;

public sealed class OutboxInstallationTests(PostgresFixture postgres) : IAsyncLifetime
{
    /// <summary>As the documentation of adbc has it today.</summary>
    private const string Published = """
        CREATE TABLE nodes (id text PRIMARY KEY, expiry timestamp without time zone NOT NULL);
        CREATE TABLE outbox (sequence_id serial PRIMARY KEY, mutation_id text NOT NULL, channel text NOT NULL, name text NOT NULL, rejected boolean NOT NULL DEFAULT false,
            data jsonb, headers jsonb, locked_by text, lock_expiry timestamp without time zone, processed boolean NOT NULL DEFAULT false);
        CREATE FUNCTION public.outbox_notify() RETURNS trigger AS $$
        BEGIN
            PERFORM pg_notify('ably_adbc'::text, ''::text);
            RETURN NULL;
        EXCEPTION WHEN others THEN
            RAISE WARNING 'unexpected error in %s: %%', SQLERRM;
            RETURN NULL;
        END;
        $$ LANGUAGE plpgsql;
        CREATE TRIGGER {0} AFTER INSERT ON public.outbox FOR EACH STATEMENT EXECUTE PROCEDURE public.outbox_notify();
        """;

    private readonly CancellationTokenSource limit = new(TimeSpan.FromSeconds(60), TimeProvider.System);
    private readonly OutboxNames names = new();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.CreateDatabaseAsync();

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        limit.Dispose();
    }

    [Fact]
    public async Task On_an_empty_database_everything_is_made_as_documented_and_a_second_time_changes_nothing()
    {
        var made = await InstallAsync(names);
        Assert.All(made, finding => Assert.Equal(FindingKind.Done, finding.Kind));
        Assert.Equal(
            [
                "sequence_id bigint true nextval('outbox_sequence_id_seq'::regclass)",
                "mutation_id text true ",
                "channel text true ",
                "name text true ",
                "rejected boolean true false",
                "data jsonb false ",
                "headers jsonb false ",
                "locked_by text false ",
                "lock_expiry timestamp without time zone false ",
                "processed boolean true false",
            ],
            await ColumnsAsync("public.outbox"));
        Assert.Equal(["id text true ", "expiry timestamp without time zone true "], await ColumnsAsync("public.nodes"));
        Assert.Equal(
            "CREATE TRIGGER public_outbox_trigger AFTER INSERT ON public.outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify()",
            await database.ScalarAsync<string>("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'public.outbox'::regclass"));
        Assert.Equal(
            3,
            await database.ScalarAsync<int>("SELECT count(*) FROM pg_class WHERE relnamespace = 'sync'::regnamespace AND relkind = 'r'"));

        var before = await FingerprintAsync();
        Assert.All(await InstallAsync(names), finding => Assert.Equal(FindingKind.Good, finding.Kind));
        Assert.Equal(before, await FingerprintAsync());
        Assert.Equal("the outbox runs in full: any number of nodes, late rows renumbered", (await CheckAsync(names))[^1].Text);
        Assert.DoesNotContain(await CheckAsync(names), finding => finding.Kind is FindingKind.Missing or FindingKind.Note);
    }

    [Fact]
    public async Task An_insert_notifies_once_with_an_empty_payload()
    {
        await InstallAsync(names);
        await using var listener = await database.DataSource.OpenConnectionAsync(limit.Token);
        var heard = new List<string>();
        listener.Notification += (_, notification) => heard.Add($"{notification.Channel}:{notification.Payload}");
        await listener.ExecuteAsync("LISTEN ably_adbc");
        await database.ExecuteAsync(
            "INSERT INTO outbox (mutation_id, channel, name) SELECT i::text, 'c', 'n' FROM generate_series(1, 100) i");
        await listener.WaitAsync(limit.Token);
        // Notifications of one sender come in order, so nothing else was between.
        await database.ExecuteAsync("NOTIFY ably_adbc, 'end'");
        while (heard.Count < 2)
        {
            await listener.WaitAsync(limit.Token);
        }

        Assert.Equal(["ably_adbc:", "ably_adbc:end"], heard);
    }

    [Theory]
    [InlineData("public_outbox_trigger", true)]
    [InlineData("outbox_trigger", true)]
    [InlineData("whatever", false)]
    public async Task An_outbox_of_adbc_is_left_exactly_as_it_is(string trigger, bool hasProcessed)
    {
        await database.ExecuteAsync(Published.Replace("{0}", trigger, StringComparison.Ordinal));
        if (!hasProcessed)
        {
            await database.ExecuteAsync("ALTER TABLE outbox DROP COLUMN processed");
        }

        var before = await FingerprintAsync("public");
        await InstallAsync(names);
        Assert.Equal(before, await FingerprintAsync("public"));
        Assert.Equal(1, await database.ScalarAsync<int>("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'outbox'::regclass"));
        var check = await CheckAsync(names);
        Assert.DoesNotContain(check, finding => finding.Kind == FindingKind.Missing);
        Assert.Equal(!hasProcessed, check.Any(finding => finding.Text.Contains("no column processed", StringComparison.Ordinal)));

        await database.ExecuteAsync("INSERT INTO outbox (mutation_id, channel, name) VALUES ('1', 'c', 'n')");
        Assert.Single(await UninstallAsync(names), finding => finding.Kind == FindingKind.Missing && finding.Repair is null);
        Assert.NotNull(await database.ScalarAsync<string>("SELECT to_regclass('sync.outbox_progress')::text"));
        await database.ExecuteAsync("DELETE FROM outbox");

        var uninstalled = await UninstallAsync(names);
        Assert.All(uninstalled, finding => Assert.Null(finding.Repair));
        Assert.Equal(before, await FingerprintAsync("public"));
        Assert.Equal(
            3,
            uninstalled.Count(finding => finding.Kind == FindingKind.Note && finding.Text.Contains("not ours", StringComparison.Ordinal)));
        Assert.Null(await database.ScalarAsync<string>("SELECT to_regnamespace('sync')::text"));
    }

    [Fact]
    public async Task Any_names_will_do()
    {
        await database.ExecuteAsync("CREATE SCHEMA \"My \"\"odd.\"\" schema\"; CREATE SCHEMA \"Nodes\"");
        var odd = new OutboxNames("My \"odd.\" schema", "Out.box 'Ä'", "Nodes", ":\"outbox_table\"");
        await InstallAsync(odd);
        await database.ExecuteAsync($"INSERT INTO {odd.Outbox} (mutation_id, channel, name) VALUES ('1', 'c', 'n')");
        Assert.All(await InstallAsync(odd), finding => Assert.Equal(FindingKind.Good, finding.Kind));
        Assert.Equal(OutboxInFull, (await CheckAsync(odd))[^1].Text);

        var longName = new string('x', 63);
        var one = new OutboxNames("public", longName, "public", longName[1..]);
        var other = new OutboxNames("public", longName[..62] + "y", "public", longName[1..]);
        await InstallAsync(one);
        await InstallAsync(other);
        Assert.Equal(OutboxInFull, (await CheckAsync(one))[^1].Text);
        await UninstallAsync(one);
        Assert.Contains(
            await CheckAsync(other),
            finding => finding.Kind == FindingKind.Good && finding.Text.Contains("wakes the engine", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nodes_that_start_at_once_make_everything_once()
    {
        var all = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => InstallAsync(names)));
        Assert.Equal(7, all.Sum(findings => findings.Count(finding => finding.Kind == FindingKind.Done)));
        Assert.Equal(1, await database.ScalarAsync<int>("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'outbox'::regclass"));
    }

    [Fact]
    public async Task Uninstall_takes_away_what_is_ours_and_never_an_unpublished_row()
    {
        await InstallAsync(names);
        await database.ExecuteAsync("""
            INSERT INTO outbox (mutation_id, channel, name) VALUES ('1', 'c', 'n');
            INSERT INTO nodes VALUES ('live', now() AT TIME ZONE 'UTC' + interval '1 hour');
            INSERT INTO sync.dead_letters (source, target, payload, code, error) VALUES ('"public"."outbox"', 'ably:c', '{}', '40009', 'e');
            INSERT INTO sync.outbox_progress VALUES ('"public"."outbox"', 1, '3'), ('"other"."outbox"', 1, '3');
            """);
        var before = await FingerprintAsync();
        var kept = await UninstallAsync(names);
        Assert.All(kept, finding => Assert.Equal((FindingKind.Missing, null), (finding.Kind, finding.Repair)));
        Assert.Equal(
            [
                "the outbox \"public\".\"outbox\" is kept with all that belongs to it: 1 node lives in \"public\".\"nodes\"; "
                    + "stop every engine that publishes it, then run uninstall again",
                "the outbox \"public\".\"outbox\" is kept with all that belongs to it: 1 row has not been published; "
                    + "let an engine publish them, stop it, then run uninstall again",
            ],
            kept.Select(finding => finding.Text));
        Assert.Equal(before, await FingerprintAsync());
        Assert.Equal(2, await database.ScalarAsync<int>("SELECT count(*) FROM sync.outbox_progress"));

        // Everything has been published, and a node lives.
        await database.ExecuteAsync("UPDATE outbox SET processed = true");
        Assert.Single(await UninstallAsync(names), finding => finding.Kind == FindingKind.Missing);
        Assert.Equal(before, await FingerprintAsync());

        await database.ExecuteAsync("UPDATE nodes SET expiry = '2000-01-01'");
        Assert.Equal(
            [
                "table \"sync\".\"dead_letters\" is kept: it holds dead letters",
                "table \"sync\".\"outbox_progress\" is kept: other outboxes use it",
                "table \"sync\".\"channel_messages\" is kept: other outboxes use it",
            ],
            (await UninstallAsync(names)).Where(finding => finding.Kind == FindingKind.Note).Select(finding => finding.Text));
        await database.ExecuteAsync("DELETE FROM sync.dead_letters; DELETE FROM sync.outbox_progress");
        Assert.DoesNotContain(await UninstallAsync(names), finding => finding.Kind == FindingKind.Note);
        Assert.Equal(0, await database.ScalarAsync<int>("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"));
        Assert.Null(await database.ScalarAsync<string>("SELECT to_regnamespace('sync')::text"));
        Assert.All(await UninstallAsync(names), finding => Assert.Equal(FindingKind.Good, finding.Kind));
    }

    [Fact]
    public async Task A_missing_part_is_named_with_the_SQL_that_repairs_it()
    {
        var empty = await CheckAsync(names);
        Assert.Contains(
            empty,
            finding => finding.Text == "the outbox cannot run: it needs its table, with SELECT and DELETE at least"
            && finding.Kind == FindingKind.Missing);
        await RepairAsync(empty);
        await InstallAsync(names);
        await database.ExecuteAsync("""
            ALTER TABLE outbox DROP COLUMN headers;
            ALTER TABLE outbox DROP COLUMN processed;
            ALTER TABLE outbox ALTER COLUMN channel TYPE varchar(100);
            ALTER TABLE outbox ALTER COLUMN data TYPE text;
            ALTER TABLE outbox DISABLE TRIGGER public_outbox_trigger;
            """);
        var broken = (await CheckAsync(names)).Where(finding => finding.Kind == FindingKind.Missing).ToList();
        Assert.Equal(
            [
                "column data of \"public\".\"outbox\" is text, not jsonb",
                "table \"public\".\"outbox\" has no column headers",
                "trigger \"public_outbox_trigger\" is disabled: rows wait for the safety poll",
            ],
            broken.Select(finding => finding.Text));
        await RepairAsync(await CheckAsync(names));
        Assert.DoesNotContain(await CheckAsync(names), finding => finding.Kind is FindingKind.Missing or FindingKind.Note);
        await database.ExecuteAsync("DROP TRIGGER public_outbox_trigger ON outbox");
        Assert.Contains(
            await CheckAsync(names),
            finding => finding.Kind == FindingKind.Missing && finding.Text.StartsWith("no trigger of", StringComparison.Ordinal));
        Assert.DoesNotContain(
            await FindingsAsync(new OutboxInstallation(database.DataSource, names, isFixedRate: true).CheckAsync(limit.Token)),
            finding => finding.Kind == FindingKind.Missing);
    }

    [Fact]
    public async Task An_identity_that_is_always_generated_is_reported_with_its_consequence()
    {
        await database.ExecuteAsync("""
            CREATE TABLE outbox (sequence_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mutation_id text NOT NULL, channel text NOT NULL, name text NOT NULL, rejected boolean NOT NULL DEFAULT false,
                data jsonb, headers jsonb, locked_by text, lock_expiry timestamp without time zone, processed boolean NOT NULL DEFAULT false)
            """);
        await InstallAsync(names);
        var check = await CheckAsync(names);
        Assert.DoesNotContain(check, finding => finding.Kind == FindingKind.Missing);
        Assert.Equal("the outbox runs in full, but late rows keep their ids: sequence_id is GENERATED ALWAYS", check[^1].Text);
        await RepairAsync(check);
        Assert.Equal(OutboxInFull, (await CheckAsync(names))[^1].Text);
    }

    [Fact]
    public async Task The_table_of_the_hub_is_asked_for_only_where_channels_go_to_the_hub()
    {
        await InstallAsync(names);
        await database.ExecuteAsync("DROP TABLE sync.channel_messages");
        Assert.Contains(await CheckAsync(names), finding => finding.Kind == FindingKind.Missing);
        Assert.DoesNotContain(
            await FindingsAsync(new OutboxInstallation(database.DataSource, names, usesHub: false).CheckAsync(limit.Token)),
            finding => finding.Kind is FindingKind.Missing or FindingKind.Note);
    }

    [Fact]
    public async Task A_setup_leaves_a_disabled_trigger_disabled()
    {
        await InstallAsync(names);
        await database.ExecuteAsync("ALTER TABLE outbox DISABLE TRIGGER public_outbox_trigger");
        Assert.Contains(
            await InstallAsync(names),
            finding => finding.Kind == FindingKind.Note
            && finding.Repair == "ALTER TABLE \"public\".\"outbox\" ENABLE TRIGGER \"public_outbox_trigger\"");
        Assert.Equal("D", await database.ScalarAsync<string>("SELECT tgenabled::text FROM pg_trigger WHERE tgrelid = 'outbox'::regclass"));
    }

    [Fact]
    public async Task The_mode_follows_from_what_the_role_may_do()
    {
        await InstallAsync(names);
        var role = $"{database.Name}_publisher";
        await database.ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD '{TestDatabase.RolePassword}'");
        try
        {
            await ModeIsAsync("the outbox cannot run");
            await database.ExecuteAsync($"GRANT SELECT, DELETE ON outbox TO {role}");
            await ModeIsAsync("the outbox runs in its reduced mode");
            Assert.DoesNotContain(await CheckAsync(role), finding => finding.Kind == FindingKind.Missing);

            // What today's documentation of adbc grants.
            await database.ExecuteAsync(
                $"GRANT SELECT, INSERT, UPDATE, DELETE ON outbox, nodes TO {role}; "
                    + $"GRANT USAGE, SELECT ON SEQUENCE outbox_sequence_id_seq TO {role}; REVOKE USAGE ON SCHEMA sync FROM PUBLIC");
            await ModeIsAsync("the outbox runs in full, but remembers its numbers in memory only");
            foreach (var missing in (await CheckAsync(role)).Where(finding => finding.Repair is not null))
            {
                await database.ExecuteAsync(missing.Repair!);
            }

            await ModeIsAsync(OutboxInFull);
            Assert.DoesNotContain(await CheckAsync(role), finding => finding.Kind is FindingKind.Missing or FindingKind.Note);

            (string Revoked, string Mode)[] cases =
            [
                ("UPDATE ON outbox", "the outbox runs in its reduced mode"),
                ("USAGE, UPDATE ON SEQUENCE outbox_sequence_id_seq", "the outbox runs in full, but late rows keep their ids"),
                ("UPDATE ON nodes", "the outbox runs in its reduced mode for want of privileges on the nodes table"),
                ("DELETE ON outbox", "the outbox cannot run"),
            ];
            foreach (var (revoked, mode) in cases)
            {
                await database.ExecuteAsync($"REVOKE {revoked} FROM {role}");
                await ModeIsAsync(mode);
                foreach (var missing in (await CheckAsync(role)).Where(finding => finding.Repair is not null))
                {
                    await database.ExecuteAsync(missing.Repair!);
                }

                await ModeIsAsync(OutboxInFull);
            }
        }
        finally
        {
            await database.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }

        async Task ModeIsAsync(string mode) => Assert.StartsWith(mode, (await CheckAsync(role))[^1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_role_that_may_create_only_in_its_schema_gets_the_outbox_without_the_memory()
    {
        var role = $"{database.Name}_creator";
        await database.ExecuteAsync(
            $"CREATE ROLE {role} LOGIN PASSWORD '{TestDatabase.RolePassword}'; GRANT USAGE, CREATE ON SCHEMA public TO {role}");
        try
        {
            var installation = new OutboxInstallation(database.As(role), names);
            Assert.All(await installation.EnsureOutboxAsync(limit.Token), finding => Assert.Equal(FindingKind.Done, finding.Kind));
            Assert.All(await installation.EnsureNodesAsync(limit.Token), finding => Assert.Equal(FindingKind.Done, finding.Kind));
            Assert.Equal(
                PostgresErrorCodes.InsufficientPrivilege,
                (await Assert.ThrowsAsync<PostgresException>(() => installation.EnsureSyncTablesAsync(limit.Token))).SqlState);
            Assert.StartsWith("the outbox runs in full, but remembers", (await CheckAsync(role))[^1].Text, StringComparison.Ordinal);
        }
        finally
        {
            await database.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    [Fact]
    public async Task Dead_letters_go_back_into_their_outbox_under_a_fresh_id()
    {
        await InstallAsync(names);
        await database.ExecuteAsync("""
            INSERT INTO outbox (mutation_id, channel, name, rejected, data, headers) VALUES ('m1', 'a:b', 'n1', true, '{"x": [1, null]}', '{"h": 1}'), ('m2', 'c', 'n2', false, NULL, NULL), ('m3', 'c', 'n3', false, '3', NULL);
            INSERT INTO sync.dead_letters (source, target, payload, code, error)
                SELECT '"public"."outbox"', 'ably:' || channel, row_to_json(outbox)::text, CASE mutation_id WHEN 'm3' THEN '40010' ELSE '40009' END, 'refused' FROM outbox ORDER BY sequence_id;
            INSERT INTO sync.dead_letters (source, target, payload, code, error) VALUES ('"public"."outbox"', 'ably:broken', 'not json', '1', 'e'), ('"other"."outbox"', 'ably:c', '{}', '40009', 'e');
            DELETE FROM outbox;
            """);
        Assert.Equal(
            ["dead letter 1 is row 4 of \"public\".\"outbox\", channel \"a:b\"", "1 of 1 dead letters are in \"public\".\"outbox\" again"],
            await ReplayAsync(new DeadLetterFilter(Channel: "a:b")));
        Assert.Equal(
            ["dead letter 2 is row 5 of \"public\".\"outbox\", channel \"c\"", "1 of 1 dead letters are in \"public\".\"outbox\" again"],
            await ReplayAsync(new DeadLetterFilter(Channel: "c", Code: "40009")));
        Assert.Equal(["no dead letter of \"public\".\"outbox\" has id 1"], await ReplayAsync(new DeadLetterFilter(Id: 1)));
        var rest = await ReplayAsync(new DeadLetterFilter());
        Assert.Equal(
            ["dead letter 3 is row 6 of \"public\".\"outbox\", channel \"c\"", "dead letter 4 cannot be put back: its payload is not a row of \"public\".\"outbox\" (SQLSTATE 22P02)", "1 of 2 dead letters are in \"public\".\"outbox\" again"],
            rest);
        await using var connection = await database.DataSource.OpenConnectionAsync(limit.Token);
        Assert.Equal(
            ["4 m1 a:b n1 true {\"x\": [1, null]} {\"h\": 1} false", "5 m2 c n2 false - - false", "6 m3 c n3 false 3 - false"],
            await connection.QueryAsync<string>(
                "SELECT concat_ws(' ', sequence_id, mutation_id, channel, name, rejected::text, coalesce(data::text, '-'), "
                    + "coalesce(headers::text, '-'), processed::text) FROM outbox ORDER BY 1"));
        Assert.Equal(2, await database.ScalarAsync<int>("SELECT count(*) FROM sync.dead_letters"));
    }

    private const string OutboxInFull = "the outbox runs in full: any number of nodes, late rows renumbered";

    private async Task<List<string>> ReplayAsync(DeadLetterFilter filter) =>
        [.. (await FindingsAsync(
            new DeadLetters(database.DataSource, names).ReplayAsync(filter, limit.Token))).Select(finding => finding.Text)];

    private Task<List<Finding>> InstallAsync(OutboxNames where) =>
        FindingsAsync(new OutboxInstallation(database.DataSource, where).InstallAsync(limit.Token));

    private Task<List<Finding>> CheckAsync(OutboxNames where) =>
        FindingsAsync(new OutboxInstallation(database.DataSource, where).CheckAsync(limit.Token));

    private Task<List<Finding>> CheckAsync(string role) =>
        FindingsAsync(new OutboxInstallation(database.As(role), names).CheckAsync(limit.Token));

    private Task<List<Finding>> UninstallAsync(OutboxNames where) =>
        FindingsAsync(new OutboxInstallation(database.DataSource, where).UninstallAsync(limit.Token));

    private static async Task<List<Finding>> FindingsAsync(IAsyncEnumerable<Finding> findings)
    {
        var all = new List<Finding>();
        await foreach (var finding in findings)
        {
            all.Add(finding);
        }

        return all;
    }

    private async Task RepairAsync(IEnumerable<Finding> findings)
    {
        foreach (var finding in findings.Where(finding => finding.Repair is not null))
        {
            await database.ExecuteAsync(finding.Repair!);
        }
    }

    private async Task<IEnumerable<string>> ColumnsAsync(string table)
    {
        await using var connection = await database.DataSource.OpenConnectionAsync(limit.Token);
        return await connection.QueryAsync<string>(
            """
            SELECT concat(attname, ' ', format_type(atttypid, atttypmod), ' ', attnotnull::text, ' ', pg_get_expr(adbin, adrelid))
            FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attrelid = @table::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
            """,
            new { table });
    }

    /// <summary>Identity and definition of everything in the schemas: xmin changes with every touch of the catalog.</summary>
    private Task<string?> FingerprintAsync(string schemas = "public,sync") => database.ScalarAsync<string>($"""
        SELECT string_agg(line, E'\n' ORDER BY line) FROM (
            SELECT concat_ws(' ', oid, xmin, relname, obj_description(oid)) FROM pg_class WHERE relnamespace::regnamespace::text = ANY(string_to_array('{schemas}', ','))
            UNION ALL SELECT concat_ws(' ', oid, xmin, proname, obj_description(oid)) FROM pg_proc WHERE pronamespace::regnamespace::text = ANY(string_to_array('{schemas}', ','))
            UNION ALL SELECT concat_ws(' ', t.oid, t.xmin, tgname) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE c.relnamespace::regnamespace::text = ANY(string_to_array('{schemas}', ','))) AS every(line)
        """);
}
