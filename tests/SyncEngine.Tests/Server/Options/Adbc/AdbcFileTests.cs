using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options.Adbc;
using Xunit;

namespace SyncEngine.Tests.Server.Options.Adbc;

public sealed class AdbcFileTests
{
    [Fact]
    public void Nested_keys_are_read_with_their_values()
    {
        var values = AdbcFile.Parse(
            """
            # as the documentation of adbc has it
            ably:
              apiKey: "app.key:secret"
            postgres:
              connectionURI: postgres://u:p@h/d
            outboxTable:
              tableSchema: public
              autoCreate: true
            poll: { interval: 2s }
            health:
            logLevel: debug
            env: ~
            """,
            "adbc.yaml");
        Assert.Equal(
            [
                ("ably.apiKey", "app.key:secret"), ("env", ""), ("log.level", "debug"), ("outboxTable.autoCreate", "true"),
                ("outboxTable.tableSchema", "public"), ("poll.interval", "2s"), ("postgres.connectionUri", "postgres://u:p@h/d"),
            ],
            values.Select(pair => (pair.Key.Path, pair.Value.Text)).OrderBy(pair => pair.Path, StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing\n")]
    [InlineData("---\n")]
    [InlineData("{}")]
    public void An_empty_file_says_nothing(string text) => Assert.Empty(AdbcFile.Parse(text, "adbc.yaml"));

    [Theory]
    [InlineData("ably:\n  apiKye: secret", "ably.apiKye in adbc.yaml, line 2, is not a key of adbc; did you mean ably.apiKey?")]
    [InlineData("unheard: 1", "unheard in adbc.yaml, line 1, is not a key of adbc")]
    [InlineData("ably:\n  api_key: secret", "ably.api_key in adbc.yaml, line 2, is not a key of adbc; did you mean ably.apiKey?")]
    [InlineData("ably:\n  apiKey: secret\n  apiKey: other", "ably.apiKey in adbc.yaml, line 3, is there a second time")]
    [InlineData("ably:\n  apiKey: secret\nably:\n  apiKey: other", "ably.apiKey in adbc.yaml, line 4, is there a second time")]
    [InlineData("log: {level: info}\nlogLevel: debug", "logLevel in adbc.yaml, line 2, is there a second time")]
    [InlineData("ably:\n  apiKey: [secret]", "ably.apiKey in adbc.yaml, line 2, must be one value")]
    [InlineData("ably:\n  apiKey: {a: secret}", "ably.apiKey in adbc.yaml, line 2, must be one value")]
    [InlineData("ably: secret", "ably in adbc.yaml, line 1, must hold keys of its own: ably.apiKey")]
    [InlineData("outboxTable: [1, 2]", "outboxTable in adbc.yaml, line 1, must hold keys of its own")]
    [InlineData("just text", "adbc.yaml must hold keys with values")]
    [InlineData("- a\n- b", "adbc.yaml must hold keys with values")]
    [InlineData("ably:\n  apiKey: \"secret", "adbc.yaml is not YAML: see near line 2")]
    [InlineData("ably:\n\tapiKey: secret", "adbc.yaml, line 2, is indented with a tab; YAML takes blanks alone")]
    [InlineData("outboxtabel:\n  autoCreate: true", "outboxtabel in adbc.yaml, line 1, is not a key of adbc; did you mean outboxTable?")]
    [InlineData("env: development\n---\nenv: production", "adbc.yaml holds more than one document")]
    [InlineData("? {a: 1}\n: b", "adbc.yaml is not YAML: see near line 1")]
    public void A_wrong_value_is_one_line_that_names_the_key(string text, string expected)
    {
        var problem = Assert.Throws<OperatorException>(() => AdbcFile.Parse(text, "adbc.yaml")).Message;
        Assert.StartsWith(expected, problem, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', problem);
        Assert.DoesNotContain("secret", problem, StringComparison.Ordinal);
    }
}
