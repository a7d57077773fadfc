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
        await database.ExecuteAsync("CREATE SCHEMA sales; CREATE SCHEMA stock; CREATE TABLE sales.a (id int PRIMARY KEY); CREATE TABLE stock.b (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY)");
        Assert.Equal(0, await RunAsync(
            "setup", "--database", database.Url, "--SyncEngine:Replication:Publication=Live \"1\"", "--SyncEngine:Replication:Schemas=sales, stock",
            "--SyncEngine:Replication:Slot=persistent", $"--SyncEngine:Replication:SlotName={database.Name}_named"));
        Assert.Equal("sales.a,stock.b", await database.ScalarAsync<string>("SELECT string_agg(schemaname || '.' || tablename, ',' ORDER BY 1) FROM pg_publication_tables WHERE pubname = 'Live \"1\"'"));
        Assert.Equal(1, await database.ScalarAsync<int>($"SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{database.Name}_named'"));
    }

    [Theory]
    [InlineData("check")]
    [InlineData("setup")]
    [InlineData("uninstall")]
    public async Task What_goes_wrong_is_one_line_that_says_what_to_do(string command)
    {
        var address = database.Address;
        await FailsAsync("password authentication failed", command, "--database", new NpgsqlConnectionStringBuilder(address.ConnectionString) { Password = "wrong" }.ConnectionString);
        await FailsAsync("start it, or correct host and port", command, "--database", "postgres://u:secret@127.0.0.1:1/x");
        await FailsAsync("no host of that name", command, "--database", "postgres://u:secret@no-such-host.invalid/x");
        await FailsAsync("run CREATE DATABASE \"nowhere\"", command, "--database", new NpgsqlConnectionStringBuilder(address.ConnectionString) { Database = "nowhere" }.ConnectionString);
        await FailsAsync("the port is not a number", command, "--database", "postgres://u:secret@h:port/x");
        await FailsAsync("SyncEngine:Replication:Publish", command, "--database", database.Url, "--SyncEngine:Replication:Publish=sometimes");
        await FailsAsync("SyncEngine:Replication:SlotName", command, "--database", database.Url, "--SyncEngine:Replication:SlotName=Not-Good");
    }

    [Fact]
    public async Task A_role_without_privileges_is_told_which_are_missing()
    {
        var role = $"{database.Name}_weak";
        await database.ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD 'secret'");
        var address = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Username = role, Password = "secret" }.ConnectionString;
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
        Assert.All(["check", "setup", "uninstall", "--database", "--urls", "--adbc-config"], word => Assert.Contains(word, output.ToString(), StringComparison.Ordinal));
        await FailsAsync("\"chekc\" is not a command", "chekc");
        await FailsAsync("\"--databse\" is not a command", "--databse", "postgres://localhost/app");
        await FailsAsync("\"-v\" is not", "-v");
        await FailsAsync("\"twice\" is not", "check", "twice");
    }

    [Fact]
    public async Task Everything_else_is_passed_on_to_the_server()
    {
        var commandLine = new CommandLine(CommandParts.Default, output, error, TimeProvider.System);
        var outcome = await commandLine.RunAsync(
            ["--urls", "http://localhost:5099", "--database", "postgres://h/d", "--SyncEngine:Limits:QueryBytes=1", "--eventserv-config", "a.toml", "--environment", "Production", "--Some:Note", "@file"], CancellationToken.None);
        Assert.Null(outcome.ExitCode);
        var configuration = new ConfigurationBuilder().AddCommandLine(outcome.ServerArguments).Build();
        Assert.Equal("http://localhost:5099", configuration["urls"]);
        Assert.Equal("postgres://h/d", configuration["SyncEngine:Database:Url"]);
        Assert.Equal("1", configuration["SyncEngine:Limits:QueryBytes"]);
        Assert.Equal("a.toml", configuration["eventserv-config"]);
        Assert.Equal("Production", configuration["environment"]);
        Assert.Equal("@file", configuration["Some:Note"]);
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
        return (await new CommandLine(CommandParts.Default, output, error, TimeProvider.System).RunAsync(arguments, CancellationToken.None)).ExitCode;
    }
}
