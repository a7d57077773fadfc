using Microsoft.Extensions.Configuration;
using Npgsql;
using SyncEngine.Server.Commands;
using Xunit;

namespace SyncEngine.IntegrationTests.Commands;

public sealed class CommandLineTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly StringWriter output = new();
    private readonly StringWriter error = new();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.CreateDatabaseAsync();

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await output.DisposeAsync();
        await error.DisposeAsync();
    }

    [Fact]
    public async Task Setup_makes_check_content_and_uninstall_undoes_it()
    {
        await database.ExecuteAsync("CREATE TABLE a (id int PRIMARY KEY)");
        Assert.Equal(1, await RunAsync("check", "--database", database.Url));
        Assert.Contains("CREATE PUBLICATION \"sync\" FOR TABLE ONLY \"public\".\"a\"", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, await RunAsync("setup", "--database", database.Url));
        Assert.Equal(0, await RunAsync("setup", $"--SyncEngine:Database:Url={database.Url}"));
        Assert.Equal(0, await RunAsync("check", $"--DATABASE_URL={database.ConnectionString}"));
        Assert.Equal(0, await RunAsync("uninstall", "--database", database.Url));
        Assert.Equal(1, await RunAsync("check", "--database", database.Url));
        Assert.Equal("", error.ToString());
    }

    [Fact]
    public async Task Names_come_from_the_configuration()
    {
        await database.ExecuteAsync("""
            CREATE SCHEMA sales; CREATE SCHEMA stock;
            CREATE TABLE sales.a (id int PRIMARY KEY); CREATE TABLE stock.b (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY)
            """);
        Assert.Equal(0, await RunAsync(
            "setup", "--database", database.Url,
            "--SyncEngine:Replication:Publication=Live \"1\"", "--SyncEngine:Replication:Schemas=sales, stock",
            "--SyncEngine:Replication:Slot=persistent", $"--SyncEngine:Replication:SlotName={database.Name}_named"));
        const string PublishedTables =
            "SELECT string_agg(schemaname || '.' || tablename, ',' ORDER BY 1) FROM pg_publication_tables WHERE pubname = 'Live \"1\"'";
        Assert.Equal("sales.a,stock.b", await database.ScalarAsync<string>(PublishedTables));
        Assert.Equal(
            1, await database.ScalarAsync<int>($"SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{database.Name}_named'"));
    }

    [Theory]
    [InlineData("check")]
    [InlineData("setup")]
    [InlineData("uninstall")]
    public async Task A_failure_is_one_line_with_its_correction(string command)
    {
        var address = database.Address;
        await FailsAsync(
            "password authentication failed",
            command,
            "--database",
            new NpgsqlConnectionStringBuilder(address.ConnectionString) { Password = "wrong" }.ConnectionString);
        await FailsAsync("start it, or correct host and port", command, "--database", "postgres://u:secret@127.0.0.1:1/x");
        await FailsAsync("no host of that name", command, "--database", "postgres://u:secret@no-such-host.invalid/x");
        await FailsAsync(
            "run CREATE DATABASE \"nowhere\"",
            command,
            "--database",
            new NpgsqlConnectionStringBuilder(address.ConnectionString) { Database = "nowhere" }.ConnectionString);
        await FailsAsync("the port is not a number", command, "--database", "postgres://u:secret@h:port/x");
        await FailsAsync(
            "SyncEngine:Replication:Publish", command, "--database", database.Url, "--SyncEngine:Replication:Publish=sometimes");
        await FailsAsync(
            "SyncEngine:Replication:SlotName", command, "--database", database.Url, "--SyncEngine:Replication:SlotName=Not-Good");
    }

    [Fact]
    public async Task Setup_and_check_name_the_privileges_that_a_role_lacks()
    {
        var role = $"{database.Name}_weak";
        await database.ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD 'secret'");
        var weak = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Username = role, Password = "secret" };
        var address = weak.ConnectionString;
        Assert.Equal(1, await RunAsync("check", "--database", address));
        Assert.Contains($"ALTER ROLE \"{role}\" REPLICATION", output.ToString(), StringComparison.Ordinal);
        await FailsAsync("permission denied for database", "setup", "--database", address);
        await database.ExecuteAsync($"DROP ROLE {role}");
    }

    [Fact]
    public async Task Help_and_version_are_printed_and_a_wrong_command_is_not_taken_for_the_server()
    {
        Assert.Equal(0, await RunAsync("--version"));
        Assert.Equal("SyncEngine 0.1.0", output.ToString().Trim());
        Assert.Equal(0, await RunAsync("--help"));
        Assert.All(
            ["check", "setup", "uninstall", "--database", "--urls", "--adbc-config"],
            word => Assert.Contains(word, output.ToString(), StringComparison.Ordinal));
        await FailsAsync("\"chekc\" is not a command", "chekc");
        await FailsAsync("\"--databse\" is not a command", "--databse", "postgres://localhost/app");
        await FailsAsync("\"-v\" is not", "-v");
        await FailsAsync("\"twice\" is not", "check", "twice");
    }

    [Fact]
    public async Task Everything_else_is_passed_on_to_the_server()
    {
        var commandLine = new CommandLine(output, error, TimeProvider.System);
        var outcome = await commandLine.RunAsync(
            [
                "--urls", "http://localhost:5099", "--database", "postgres://h/d", "--SyncEngine:Limits:QueryBytes=1",
                "--eventserv-config", "a.toml", "--environment", "Production", "--Some:Note", "@file",
            ],
            CancellationToken.None);
        Assert.Null(outcome.ExitCode);
        var configuration = new ConfigurationBuilder().AddCommandLine(outcome.ServerArguments).Build();
        Assert.Equal("http://localhost:5099", configuration["urls"]);
        Assert.Equal("postgres://h/d", configuration["SyncEngine:Database:Url"]);
        Assert.Equal("1", configuration["SyncEngine:Limits:QueryBytes"]);
        Assert.Equal("a.toml", configuration["eventserv-config"]);
        Assert.Equal("Production", configuration["environment"]);
        Assert.Equal("@file", configuration["Some:Note"]);
    }

    [Fact]
    public async Task The_outbox_is_installed_checked_replayed_and_removed_with_the_rest()
    {
        string[] outbox = ["--database", database.Url, "--SyncEngine:Outbox:Table=events"];
        Assert.Equal(1, await RunAsync(["check", .. outbox]));
        Assert.Contains(
            "missing table \"public\".\"events\" does not exist  --  CREATE TABLE", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, await RunAsync(["setup", .. outbox]));
        // Made after the publication, and not asked for in it.
        Assert.Equal(0, await RunAsync(["check", .. outbox]));
        Assert.Contains(
            "note    table public.events is not in publication \"sync\"  --  ALTER PUBLICATION \"sync\" ADD TABLE ONLY \"public\".\"events\";",
            output.ToString(),
            StringComparison.Ordinal);
        Assert.DoesNotContain("public.nodes is not in publication", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, await RunAsync(["setup", .. outbox]));
        Assert.Equal(0, await RunAsync(["check", .. outbox]));
        const string PublishedTables = "SELECT string_agg(tablename, ',') FROM pg_publication_tables WHERE tablename IN ('events', 'nodes')";
        Assert.Equal("events", await database.ScalarAsync<string>(PublishedTables));
        Assert.Contains("the outbox runs in full", output.ToString(), StringComparison.Ordinal);

        await database.ExecuteAsync("""
            INSERT INTO sync.dead_letters (source, target, payload, code, error)
            VALUES ('"public"."events"', 'ably:c', '{"mutation_id": "m", "channel": "c", "name": "n"}', '40009', 'too long')
            """);
        await FailsAsync("name the dead letters to put back", ["replay-dead-letters", .. outbox]);
        await FailsAsync("no outbox is configured", "replay-dead-letters", "--all", "--database", database.Url);
        Assert.Equal(0, await RunAsync(["replay-dead-letters", "--id", "1", "--channel", "other", .. outbox]));
        Assert.Equal("note    no dead letter of \"public\".\"events\" has id 1 and channel \"other\"", output.ToString().Trim());
        Assert.Equal(0, await RunAsync(["replay-dead-letters", "--code", "40009", .. outbox]));
        Assert.StartsWith(
            "done    dead letter 1 is row 1 of \"public\".\"events\", channel \"c\"", output.ToString(), StringComparison.Ordinal);
        Assert.Equal("m c n", await database.ScalarAsync<string>("SELECT concat_ws(' ', mutation_id, channel, name) FROM events"));

        Assert.Equal(1, await RunAsync(["uninstall", .. outbox]));
        Assert.Contains(
            "missing the outbox \"public\".\"events\" is kept with all that belongs to it: 1 row has not been published",
            output.ToString(),
            StringComparison.Ordinal);
        Assert.Equal(1, await database.ScalarAsync<int>("SELECT count(*) FROM pg_trigger WHERE tgname = 'public_events_trigger'"));
        await database.ExecuteAsync("DELETE FROM events");
        Assert.Equal(0, await RunAsync(["uninstall", .. outbox]));
        Assert.Null(await database.ScalarAsync<string>("SELECT to_regnamespace('sync')::text"));
        Assert.Equal("error: no outbox is configured: set a key of SyncEngine:Outbox, or give --adbc-config\n", error.ToString());
    }

    [Fact]
    public async Task The_flags_of_adbc_and_its_command_work_as_they_are()
    {
        string[] flags =
        [
            "--ably-api-key", "app.key:secret", "--postgres-connection-uri", database.Url, "--outbox-table-table-name", "events", "--env=production",
        ];
        Assert.Equal(0, await RunAsync(["create", "tables", .. flags]));
        Assert.Equal(0, await RunAsync(["create", "tables", .. flags]));
        Assert.Equal(1, await database.ScalarAsync<int>("SELECT count(*) FROM pg_trigger WHERE tgname = 'public_events_trigger'"));
        Assert.Equal(0, await database.ScalarAsync<int>("SELECT count(*) FROM pg_publication"));
        Assert.Equal(0, await RunAsync(["check", .. flags]));
        Assert.Contains("for live queries: publication \"sync\" does not exist", output.ToString(), StringComparison.Ordinal);
        await FailsAsync("--poll-fixed-rate must be true or false", ["check", .. flags, "--poll-fixed-rate=perhaps"]);
        Assert.Equal(0, await RunAsync(["check", .. flags, "--poll-fixed-rate"]));
        Assert.Contains("fixed rate and needs no trigger", output.ToString(), StringComparison.Ordinal);
        await FailsAsync("ADBC_ABLY_API_KEY is missing", "check", "--postgres-connection-uri", database.Url);
        await FailsAsync("Required command was not provided; see --help", "create", "--database", database.Url);
        Assert.Equal(0, await RunAsync(["check", .. flags, "--ADBC_POL_INTERVAL=1s", "--SyncEngine:Outbox:Tabel=x"]));
        Assert.Contains(
            "note    the variable ADBC_POL_INTERVAL is not known and has no effect; did you mean ADBC_POLL_INTERVAL?",
            output.ToString(),
            StringComparison.Ordinal);
        Assert.Contains("note    the configuration key SyncEngine:Outbox:Tabel is not known", output.ToString(), StringComparison.Ordinal);
        await FailsAsync("--id must be the number of a dead letter, not \"abc\"", ["replay-dead-letters", "--id", "abc", .. flags]);
        await FailsAsync("\"--chanel\" is not", ["replay-dead-letters", "--chanel", "c", .. flags]);
        await FailsAsync("--id", ["replay-dead-letters", .. flags, "--id"]);
        await FailsAsync(
            "correct host and port in --postgres-connection-uri",
            "check",
            "--ably-api-key",
            "app.key:secret",
            "--postgres-connection-uri",
            "postgres://u:secret@127.0.0.1:1/x");
        await FailsAsync("no outbox is configured", "create", "tables", "--database", database.Url);
        await FailsAsync("\"--ably-api-kye\" is not", "check", "--ably-api-kye", "x");
    }

    [Fact]
    public async Task An_outbox_in_a_database_of_its_own_is_installed_there()
    {
        await using var other = await postgres.CreateDatabaseAsync();
        Assert.Equal(0, await RunAsync("setup", "--database", database.Url, $"--SyncEngine:Outbox:Database={other.Url}"));
        Assert.Equal(1, await other.ScalarAsync<int>("SELECT count(*) FROM pg_class WHERE oid = to_regclass('public.outbox')"));
        Assert.Equal(0, await database.ScalarAsync<int>("SELECT count(*) FROM pg_class WHERE oid = to_regclass('public.outbox')"));
        Assert.Equal(0, await other.ScalarAsync<int>("SELECT count(*) FROM pg_publication"));
        Assert.Contains($"ok      outbox \"public\".\"outbox\": ", output.ToString(), StringComparison.Ordinal);

        var role = $"{other.Name}_reader";
        await other.ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD '{TestDatabase.RolePassword}'");
        var address = new UriBuilder(other.Url) { UserName = role, Password = TestDatabase.RolePassword }.Uri.AbsoluteUri;
        await FailsAsync(
            $"grant what is missing to \"{role}\"",
            "setup",
            "--database",
            database.Url,
            $"--SyncEngine:Outbox:Database={address}",
            "--SyncEngine:Outbox:Table=other");
        await FailsAsync(
            "correct user and password in SyncEngine:Outbox:Database",
            "setup",
            "--database",
            database.Url,
            $"--SyncEngine:Outbox:Database={address.Replace(TestDatabase.RolePassword, "wrong", StringComparison.Ordinal)}");
        await other.ExecuteAsync($"DROP ROLE {role}");
        Assert.Equal(0, await RunAsync("uninstall", "--database", database.Url, $"--SyncEngine:Outbox:Database={other.Url}"));
        Assert.Null(await other.ScalarAsync<string>("SELECT to_regnamespace('sync')::text"));
    }

    private async Task FailsAsync(string expected, params string[] arguments)
    {
        error.GetStringBuilder().Clear();
        Assert.NotEqual(0, await RunAsync(arguments));
        var line = Assert.Single(error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("error: ", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
    }

    private async Task<int?> RunAsync(params string[] arguments)
    {
        output.GetStringBuilder().Clear();
        return (await new CommandLine(output, error, TimeProvider.System).RunAsync(arguments, CancellationToken.None)).ExitCode;
    }
}
