using System.Net;
using Microsoft.Extensions.Configuration;
using SyncEngine.Connectors;
using SyncEngine.Connectors.Ably;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Server.Options;
using Xunit;

namespace SyncEngine.Tests.Server.Options;

public sealed class OutboxSettingsTests
{
    private const string Key = "app.key:secret";

    [Fact]
    public void The_part_is_closed_until_one_of_its_keys_is_set()
    {
        Assert.Null(OutboxSettings.Read(OptionsBinderTests.Of(("SyncEngine:Ably:Key", Key))));
        var settings = Read(("Outbox:AutoCreate", "true"));
        Assert.Null(settings.Address);
        Assert.Null(settings.HealthAddress);
        Assert.Equal(new OutboxNames(), settings.Names);
    }

    [Fact]
    public void Without_rules_all_channels_go_to_Ably_where_it_has_credentials_and_else_to_the_hub()
    {
        Assert.Equal([("*", "hub")], Rules(Read(("Outbox:Table", "events"))));
        Assert.Equal([("*", "ably")], Rules(Read(("Outbox:Table", "events"), ("Ably:Key", Key))));
        Assert.Equal([("*", "ably")], Rules(Read(("Outbox:Table", "events"), ("Ably:AuthUrl", "https://auth.example/token"))));
    }

    [Fact]
    public void Rules_are_a_list_and_name_targets_in_any_case()
    {
        var settings = Read(
            ("Outbox:Targets:0:Channels", "private:*"),
            ("Outbox:Targets:0:Target", "Hub"),
            ("Outbox:Targets:1:Target", "ably"),
            ("Ably:Key", Key));
        Assert.Equal([("private:*", "hub"), ("*", "ably")], Rules(settings));
        Assert.Equal(Key, Assert.IsType<AblyOptions>(settings.Rules[1].Target.Options).Key);
    }

    [Fact]
    public void An_unknown_target_is_refused_with_the_names_of_the_known_ones()
    {
        var problem = Assert.Throws<OperatorException>(() => Read(("Outbox:Targets:0:Target", "kafka"))).Message;
        var names = string.Join(", ", TargetCatalog.All.Select(kind => kind.Name));
        Assert.StartsWith($"SyncEngine:Outbox:Targets:0:Target must be one of {names}, not \"kafka\"", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SyncEngine:Outbox:Heartbeat must be shorter than NodeExpiry (15 s)", "Outbox:Heartbeat", "15 s")]
    [InlineData("SyncEngine:Outbox:NodeExpiry must not be longer than LockDuration (30 s)", "Outbox:NodeExpiry", "31 s")]
    [InlineData("SyncEngine:Outbox:RetryDelay must not be longer than MaxRetryDelay (30 s)", "Outbox:RetryDelay", "31 s")]
    [InlineData("SyncEngine:Outbox:SafetyPoll must be a duration", "Outbox:SafetyPoll", "10")]
    [InlineData("SyncEngine:Outbox:BatchSize must be between 1 and", "Outbox:BatchSize", "0")]
    [InlineData("SyncEngine:Outbox:Refused cannot be read", "Outbox:Refused", "sometimes")]
    [InlineData("SyncEngine:Outbox:HealthAddress must be HOST:PORT", "Outbox:HealthAddress", "example.com")]
    [InlineData("SyncEngine:Outbox:Table must be", "Outbox:Table", "")]
    [InlineData("SyncEngine:Outbox:Schema must be a name of at most 63 bytes", "Outbox:Schema", "ääääääääääääääääääääääääääääääää")]
    [InlineData("SyncEngine:Outbox:Targets must be a list, as SyncEngine:Outbox:Targets:0:Channels=…", "Outbox:Targets", "ably")]
    [InlineData("SyncEngine:Outbox:Targets:0:Target ", "Outbox:Targets:0:Channels", "*")]
    [InlineData("SyncEngine:Ably:Key is missing", "Outbox:Targets:0:Target", "ably")]
    [InlineData("the database address cannot be read: it is neither", "Outbox:Database", "somewhere")]
    public void A_wrong_value_is_one_line_that_names_the_key(string line, string key, string value)
    {
        var problem = Assert.Throws<OperatorException>(() => Read((key, value))).Message;
        Assert.StartsWith(line, problem, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', problem);
    }

    [Theory]
    [InlineData("Key", "no-dot:secret")]
    [InlineData("Key", "app.key")]
    [InlineData("Endpoint", "http://ably.example")]
    [InlineData("Endpoint", "ably.example")]
    [InlineData("MaxMessageBytes", "3")]
    public void Options_of_Ably_are_checked_where_a_rule_needs_them(string key, string value)
    {
        var problem = Assert.Throws<OperatorException>(
            () => Read([("Outbox:Targets:0:Target", "ably"), ("Ably:Key", Key), ($"Ably:{key}", value)])).Message;
        Assert.StartsWith($"SyncEngine:Ably:{key} ", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", problem.Replace(":secret", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Plain_http_is_taken_on_loopback() =>
        Assert.NotNull(Read(("Outbox:Table", "t"), ("Ably:Key", Key), ("Ably:Endpoint", "http://127.0.0.1:8080")));

    [Fact]
    public void Unknown_keys_are_named_inside_of_lists_too()
    {
        Assert.Equal(
            [
                "the configuration key SyncEngine:Outbox:Targets:0:Channel is not known and has no effect; "
                    + "did you mean SyncEngine:Outbox:Targets:0:Channels?",
            ],
            UnknownKeys.Find(OptionsBinderTests.Of(
                ("SyncEngine:Outbox:Targets:0:Channel", "*"), ("SyncEngine:Outbox:Targets:0:Target", "hub"), ("SyncEngine:Ably:Key", Key))));
    }

    [Theory]
    [InlineData(":2259", null, 2259)]
    [InlineData("0.0.0.0:1", null, 1)]
    [InlineData("*:1", null, 1)]
    [InlineData("[::]:1", null, 1)]
    [InlineData("[::1]:70", "::1", 70)]
    [InlineData("localhost:0", "127.0.0.1", 0)]
    [InlineData("10.0.0.1:99", "10.0.0.1", 99)]
    public void Addresses_for_health_are_host_and_port(string text, string? host, int port)
    {
        Assert.True(HealthAddress.TryParse(text, out var address));
        Assert.Equal(new HealthAddress(host is null ? null : IPAddress.Parse(host), port), address);
    }

    private static IEnumerable<(string, string)> Rules(OutboxSettings settings) =>
        settings.Rules.Select(rule => (rule.Pattern, rule.Target.Kind.Name));

    private static OutboxSettings Read(params (string Key, string Value)[] values)
    {
        var last = values.Reverse().DistinctBy(value => value.Key).Select(value => ($"SyncEngine:{value.Key}", value.Value));
        return OutboxSettings.Read(OptionsBinderTests.Of([.. last])) ?? throw new InvalidOperationException("the part is closed");
    }
}
