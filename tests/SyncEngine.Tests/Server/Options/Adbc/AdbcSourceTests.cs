using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Json;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;
using SyncEngine.Server.Options.Adbc;
using Xunit;

namespace SyncEngine.Tests.Server.Options.Adbc;

public sealed class AdbcSourceTests : IDisposable
{
    private const string Key = "app.key:secret";
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("syncengine-adbc-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public void Without_any_of_its_keys_nothing_opens()
    {
        var configuration = Read([("ADBC_OF_ANOTHER_PROGRAM", "1"), ("ENV", "development")]);
        Assert.Null(OutboxSettings.Read(configuration));
        Assert.False(AdbcSource.IsOpen(configuration, out _));
    }

    [Fact]
    public void Every_variable_reaches_the_option_that_it_stands_for()
    {
        var settings = Settings(
            [
                ("ADBC_ABLY_API_KEY", Key), ("ADBC_POSTGRES_CONNECTION_URI", "postgres://u:p@db:6543/app"),
                ("ADBC_OUTBOX_TABLE_TABLE_SCHEMA", "Sales"), ("ADBC_OUTBOX_TABLE_TABLE_NAME", "my.outbox"),
                ("ADBC_OUTBOX_TABLE_AUTO_CREATE", "true"),
                ("ADBC_NODES_TABLE_TABLE_SCHEMA", "ops"), ("ADBC_NODES_TABLE_TABLE_NAME", "my_nodes"),
                ("ADBC_NODES_TABLE_AUTO_CREATE", "1"),
                ("ADBC_POLL_FIXED_RATE", "T"), ("ADBC_POLL_INTERVAL", "1m30s"), ("ADBC_HEARTBEAT_TIMEOUT", "6s"),
                ("ADBC_HEALTH_ADDRESS", "127.0.0.1:9000"), ("ADBC_HEALTH_REFRESH_INTERVAL", "700ms"),
                ("ADBC_ENV", "production"), ("ADBC_LOG_LEVEL", "warn"),
            ],
            out var configuration);

        Assert.Equal(
            new OutboxOptions
            {
                Database = "postgres://u:p@db:6543/app",
                Schema = "Sales",
                Table = "my.outbox",
                AutoCreate = true,
                NodesSchema = "ops",
                NodesTable = "my_nodes",
                AutoCreateNodes = true,
                FixedRate = true,
                PollInterval = TimeSpan.FromSeconds(90),
                Debounce = TimeSpan.FromSeconds(90),
                NodeExpiry = TimeSpan.FromSeconds(6),
                Heartbeat = TimeSpan.FromSeconds(2),
                LockDuration = TimeSpan.FromSeconds(30),
                HealthAddress = "127.0.0.1:9000",
                HealthRefresh = TimeSpan.FromMilliseconds(700),
                Targets = settings.Options.Targets,
            },
            settings.Options);
        Assert.Equal("ably", Assert.Single(settings.Rules).Target.Kind.Name);
        Assert.Equal(Key, configuration["SyncEngine:Ably:Key"]);
        Assert.Equal(("db", 6543, "app"), (settings.Address!.Host, settings.Address.Port, settings.Address.Database));
        Assert.Equal("postgres://u:p@db:6543/app", OutboxSettings.FallbackAddress(configuration));
        Assert.Equal(("json", "Warning"), (configuration["Logging:Console:FormatterName"], configuration["Logging:LogLevel:Default"]));
    }

    [Fact]
    public void Its_own_defaults_hold_where_they_differ_from_ours()
    {
        var settings = Settings([("ADBC_ABLY_API_KEY", Key), ("ADBC_POSTGRES_HOST", "db")], out _);
        Assert.Equal(TimeSpan.FromSeconds(1), settings.Options.Debounce);
        Assert.Equal(TimeSpan.FromSeconds(1), settings.Options.PollInterval);
        Assert.Equal(new HealthAddress(null, 2259), settings.HealthAddress);
        Assert.False(settings.Options.AutoCreate || settings.Options.AutoCreateNodes || settings.Options.FixedRate);
    }

    [Fact]
    public void An_address_may_come_in_parts_and_the_uri_wins_over_them()
    {
        (string, string)[] parts =
        [
            ("ADBC_ABLY_API_KEY", Key), ("ADBC_POSTGRES_HOST", "db"), ("ADBC_POSTGRES_PORT", "6543"),
            ("ADBC_POSTGRES_DATABASE", "a b"), ("ADBC_POSTGRES_USER", "it's"), ("ADBC_POSTGRES_PASSWORD", "; x='1' %"),
        ];
        var address = Settings(parts, out _).Address!;
        Assert.Equal(
            ("db", 6543, "a b", "it's", "; x='1' %"), (address.Host, address.Port, address.Database, address.Username, address.Password));
        Assert.Equal("other", Settings([.. parts, ("ADBC_POSTGRES_CONNECTION_URI", "postgres://other/app")], out _).Address!.Host);
    }

    [Fact]
    public void Flags_win_over_the_file_and_the_file_over_the_environment_and_our_own_keys_over_all()
    {
        Write("adbc.yaml", "outboxTable:\n  tableName: from_file\n  tableSchema: from_file\nnodesTable:\n  tableName: from_file\n");
        (string, string)[] given =
        [
            ("ADBC_ABLY_API_KEY", Key), ("ADBC_POSTGRES_HOST", "db"),
            ("ADBC_OUTBOX_TABLE_TABLE_NAME", "from_environment"), ("ADBC_OUTBOX_TABLE_TABLE_SCHEMA", "from_environment"),
            ("ADBC_NODES_TABLE_TABLE_NAME", "from_environment"), ("ADBC_NODES_TABLE_TABLE_SCHEMA", "from_environment"),
            ("adbc:flags:outbox-table-table-name", "from_flag"), ("SyncEngine:Outbox:NodesTable", "ours"),
        ];
        var options = Settings(given, out var configuration).Options;
        Assert.Equal(
            ("from_flag", "from_file", "ours", "from_environment"),
            (options.Table, options.Schema, options.NodesTable, options.NodesSchema));
        Assert.True(AdbcSource.IsOpen(configuration, out var file));
        Assert.Equal(Path.Combine(folder.FullName, "adbc.yaml"), file);
    }

    [Fact]
    public void A_named_file_is_read_instead_of_those_in_the_folders()
    {
        Write("adbc.yaml", "outboxTable: {tableName: found}");
        Write("other.yaml", "outboxTable: {tableName: named}");
        var named = Path.Combine(folder.FullName, "other.yaml");
        Assert.Equal(
            "named", Settings([("ADBC_ABLY_API_KEY", Key), ("ADBC_POSTGRES_HOST", "db"), ("adbc-config", named)], out _).Options.Table);
        Assert.Equal("--adbc-config: there is no file /nowhere.yaml", Problem([("adbc-config", "/nowhere.yaml")]));
    }

    [Fact]
    public void Its_level_wins_over_a_settings_file_and_gives_way_to_the_environment()
    {
        Write("appsettings.json", """{"Logging": {"LogLevel": {"Default": "Information"}}}""");
        var configuration = new ConfigurationManager();
        ((IConfigurationBuilder)configuration).Sources.Add(new JsonConfigurationSource
        {
            Path = "appsettings.json",
            FileProvider = new Microsoft.Extensions.FileProviders.PhysicalFileProvider(folder.FullName),
        });
        configuration.Sources.OfType<JsonConfigurationSource>().Single().ResolveFileProvider();
        configuration.AddInMemoryCollection([new("ADBC_LOG_LEVEL", "debug"), new("ADBC_ENV", "production")]);
        AdbcSource.Add(configuration);
        Assert.Equal("Debug", configuration["Logging:LogLevel:Default"]);
        configuration.AddInMemoryCollection([new("Logging:LogLevel:Default", "Error")]);
        Assert.Equal("Error", configuration["Logging:LogLevel:Default"]);
    }

    [Theory]
    [InlineData("ADBC_POLL_FIXED_RATE", "maybe", "ADBC_POLL_FIXED_RATE must be true or false")]
    [InlineData("ADBC_POLL_INTERVAL", "5", "ADBC_POLL_INTERVAL must be a duration such as 500ms, 1s or 1m30s")]
    [InlineData("ADBC_POLL_INTERVAL", "1us", "ADBC_POLL_INTERVAL must be between")]
    [InlineData("ADBC_HEARTBEAT_TIMEOUT", "100ms", "ADBC_HEARTBEAT_TIMEOUT must be between 200 ms and 1 d")]
    [InlineData("ADBC_HEARTBEAT_TIMEOUT", "48h", "ADBC_HEARTBEAT_TIMEOUT must be between 200 ms and 1 d")]
    [InlineData("ADBC_POSTGRES_PORT", "many", "ADBC_POSTGRES_PORT must be a number")]
    [InlineData("ADBC_ENV", "staging", "ADBC_ENV must be development or production")]
    [InlineData("ADBC_LOG_LEVEL", "loud", "ADBC_LOG_LEVEL must be one of debug")]
    [InlineData("ADBC_HEALTH_ADDRESS", "2259", "ADBC_HEALTH_ADDRESS must be HOST:PORT")]
    [InlineData("ADBC_ABLY_API_KEY", "app.keysecret", "ADBC_ABLY_API_KEY is not of the form")]
    [InlineData("ADBC_OUTBOX_TABLE_TABLE_NAME", "nodes", "ADBC_NODES_TABLE_TABLE_NAME must not be the outbox itself")]
    [InlineData("ADBC_POSTGRES_CONNECTION_URI", "mysql://secret@h/d", "(ADBC_POSTGRES_CONNECTION_URI)")]
    [InlineData("ADBC_POSTGRES_CONNECTION_URI", "postgres://u:secret@h/d?sslmode=verify-ca", "sslrootcert")]
    public void An_error_is_one_line_that_names_the_key_as_it_was_given(string key, string value, string expected)
    {
        var problem = Problem([("ADBC_ABLY_API_KEY", Key), ("ADBC_POSTGRES_HOST", "db"), (key, value)]);
        Assert.Contains(expected, problem, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', problem);
        Assert.DoesNotContain("secret", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_flag_and_a_key_of_the_file_are_named_as_such()
    {
        Write("adbc.yaml", "poll:\n  interval: soon\n");
        Assert.Equal(
            $"poll.interval in {folder.FullName}/adbc.yaml must be a duration such as 500ms, 1s or 1m30s",
            Problem([("ADBC_ABLY_API_KEY", Key)]));
        Assert.StartsWith(
            "--poll-interval must be",
            Problem([("ADBC_ABLY_API_KEY", Key), ("adbc:flags:poll-interval", "soon")]),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_requirement_is_named()
    {
        Assert.StartsWith("ADBC_ABLY_API_KEY is missing", Problem([("ADBC_POSTGRES_HOST", "db")]), StringComparison.Ordinal);
        Assert.StartsWith("ADBC_POSTGRES_CONNECTION_URI is needed", Problem([("ADBC_ABLY_API_KEY", Key)]), StringComparison.Ordinal);
        Assert.Null(Settings([("ADBC_ABLY_API_KEY", Key), ("DATABASE_URL", "postgres://h/d")], out _).Address);
    }

    [Fact]
    public void With_a_file_what_is_missing_is_named_as_its_key()
    {
        Write("adbc.yaml", "env: production\n");
        Assert.StartsWith(
            $"ably.apiKey in {folder.FullName}/adbc.yaml is missing", Problem([("ADBC_POSTGRES_HOST", "db")]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_relative_name_is_that_of_a_file_in_the_folder_of_the_caller()
    {
        Write("other.yaml", "outboxTable: {tableName: named}");
        Assert.Equal(
            "named",
            Settings([("ADBC_ABLY_API_KEY", Key), ("ADBC_POSTGRES_HOST", "db"), ("adbc-config", "other.yaml")], out _).Options.Table);
        Assert.Equal($"--adbc-config: there is no file {folder.FullName}/none.yaml", Problem([("adbc-config", "none.yaml")]));
    }

    [Fact]
    public void The_caller_is_elsewhere_when_the_program_runs_in_the_folder_of_its_project()
    {
        var project = folder.CreateSubdirectory("project").FullName;
        Assert.Equal(project, ServerConfiguration.CallersFolder(project, folder.FullName));
        File.WriteAllText(Path.Combine(project, "SyncEngine.Server.csproj"), "");
        Assert.Equal(folder.FullName, ServerConfiguration.CallersFolder(project, folder.FullName));
        Assert.Equal(project, ServerConfiguration.CallersFolder(project, "/gone/away"));
        Assert.Equal(project, ServerConfiguration.CallersFolder(project, shells: null));
    }

    [Theory]
    [InlineData("production", "json", "yyyy-MM-ddTHH:mm:ss.fffZ")]
    [InlineData("development", "simple", "yyyy-MM-ddTHH:mm:ss.fffZ ")]
    public void Log_lines_have_a_time_and_the_hosts_own_are_left_out(string environment, string formatter, string format)
    {
        var configuration = ServerConfiguration.CreateBuilder([$"--{AdbcSource.FlagsSection}:env={environment}"]).Configuration;
        var logging = configuration.GetSection("Logging");
        Assert.Equal((formatter, format), (logging["Console:FormatterName"], logging["Console:FormatterOptions:TimestampFormat"]));
        Assert.Equal("Warning", logging["LogLevel:Microsoft"]);
    }

    [Fact]
    public void A_wrong_value_under_our_own_key_is_named_by_that()
    {
        Assert.StartsWith(
            "SyncEngine:Outbox:PollInterval must be",
            Problem(
                [
                    ("ADBC_ABLY_API_KEY", Key), ("ADBC_POSTGRES_HOST", "db"),
                    ("ADBC_POLL_INTERVAL", "2s"), ("SyncEngine:Outbox:PollInterval", "1 ms"),
                ]),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ably.apiKey", "ADBC_ABLY_API_KEY", "ably-api-key")]
    [InlineData("outboxTable.autoCreate", "ADBC_OUTBOX_TABLE_AUTO_CREATE", "outbox-table-auto-create")]
    [InlineData("postgres.connectionUri", "ADBC_POSTGRES_CONNECTION_URI", "postgres-connection-uri")]
    [InlineData("health.refreshInterval", "ADBC_HEALTH_REFRESH_INTERVAL", "health-refresh-interval")]
    [InlineData("log.level", "ADBC_LOG_LEVEL", "log-level")]
    [InlineData("env", "ADBC_ENV", "env")]
    public void A_key_has_its_three_names(string path, string environment, string flag)
    {
        var key = AdbcKey.Find(path)!;
        Assert.Equal((path, environment, flag), (key.Path, key.Environment, key.Flag));
    }

    [Theory]
    [InlineData("500ms", 0.5)]
    [InlineData("1s", 1)]
    [InlineData("1m30s", 90)]
    [InlineData("1.5h", 5400)]
    [InlineData("1h0m1s", 3601)]
    [InlineData("250000us", 0.25)]
    [InlineData("2 s", 2)]
    public void Durations_are_read_as_Go_writes_them(string text, double seconds)
    {
        Assert.True(GoDuration.TryParse(text, out var duration));
        Assert.Equal(TimeSpan.FromSeconds(seconds), duration);
    }

    private string Problem((string Key, string Value)[] given) =>
        Assert.Throws<OperatorException>(() => OutboxSettings.Read(Read(given))).Message;

    private OutboxSettings Settings((string Key, string Value)[] given, out IConfiguration configuration)
    {
        configuration = Read(given);
        return OutboxSettings.Read(configuration) ?? throw new InvalidOperationException("the part is closed");
    }

    private ConfigurationManager Read((string Key, string Value)[] given)
    {
        var configuration = new ConfigurationManager();
        configuration.AddInMemoryCollection(
            given.Reverse().DistinctBy(pair => pair.Key).Select(pair => KeyValuePair.Create(pair.Key, (string?)pair.Value)));
        AdbcSource.Add(configuration, folder.FullName, Path.Combine(folder.FullName, "nothing-here"));
        return configuration;
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(folder.FullName, name), text);
}
