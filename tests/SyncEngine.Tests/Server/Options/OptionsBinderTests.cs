using Microsoft.Extensions.Configuration;
using SyncEngine.Options;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;
using Xunit;

namespace SyncEngine.Tests.Server.Options;

public sealed class OptionsBinderTests
{
    [Fact]
    public void Nothing_configured_gives_the_defaults()
    {
        Assert.Equal(new LimitOptions(), OptionsBinder.Bind<LimitOptions>(Of(), LimitOptions.Section));
        Assert.Equal(new DeliveryOptions(), OptionsBinder.Bind<DeliveryOptions>(Of(), DeliveryOptions.Section));
    }

    [Fact]
    public void The_defaults_are_the_engines_own()
    {
        Assert.Equal(new EngineOptions(), OptionsExtensions.ToEngineOptions(new LimitOptions(), new DeliveryOptions(), new SubscriptionOptions()));
    }

    [Theory]
    [InlineData("500 ms", 0.5)]
    [InlineData("10 s", 10)]
    [InlineData("10s", 10)]
    [InlineData("1.5 min", 90)]
    [InlineData("2m", 120)]
    [InlineData("00:00:30", 30)]
    public void Durations_are_read_as_people_write_them(string text, double seconds)
    {
        var options = OptionsBinder.Bind<LimitOptions>(Of(("SyncEngine:Limits:StatementTimeout", text)), LimitOptions.Section);
        Assert.Equal(TimeSpan.FromSeconds(seconds), options.StatementTimeout);
        Assert.Equal(TimeSpan.FromSeconds(seconds), Duration.Parse(Duration.Format(options.StatementTimeout)));
    }

    [Theory]
    [InlineData("Limits:StatementTimeout", "10", "SyncEngine:Limits:StatementTimeout must be a duration")]
    [InlineData("Limits:StatementTimeout", "ten seconds", "SyncEngine:Limits:StatementTimeout must be a duration")]
    [InlineData("Limits:StatementTimeout", "0 s", "SyncEngine:Limits:StatementTimeout must be between 10 ms and 1 h")]
    [InlineData("Limits:RowsPerResult", "many", "SyncEngine:Limits:RowsPerResult cannot be read")]
    [InlineData("Limits:RowsPerResult", "0", "SyncEngine:Limits:RowsPerResult must be between 1 and 100000000")]
    [InlineData("Limits:RowsPerResult", "99999999999", "SyncEngine:Limits:RowsPerResult cannot be read")]
    public void What_is_wrong_is_one_line_that_names_the_key(string key, string value, string line)
    {
        var error = Assert.Throws<OperatorException>(() => OptionsBinder.Bind<LimitOptions>(Of(($"SyncEngine:{key}", value)), LimitOptions.Section));
        Assert.StartsWith(line, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_list_may_be_one_value_or_several()
    {
        string[] expected = ["https://a.example", "https://b.example"];
        Assert.Equal(expected, OptionsBinder.Bind<CorsOptions>(Of(("SyncEngine:Cors:Origins", "https://a.example, https://b.example")), CorsOptions.Section).Origins);
        Assert.Equal(expected, OptionsBinder.Bind<CorsOptions>(Of(("SyncEngine:Cors:Origins:0", "https://a.example"), ("SyncEngine:Cors:Origins:1", "https://b.example")), CorsOptions.Section).Origins);
    }

    [Fact]
    public void Keys_that_nothing_reads_are_named_with_the_nearest_that_exists()
    {
        var lines = UnknownKeys.Find(Of(("SyncEngine:Limits:RowPerResult", "1"), ("SyncEngine:Limit:RowsPerResult", "1"), ("SyncEngine:limits:rowsperresult", "1"), ("Logging:X", "1")));

        Assert.Equal(
            [
                "the configuration key SyncEngine:Limit is not known and has no effect; did you mean SyncEngine:Limits?",
                "the configuration key SyncEngine:Limits:RowPerResult is not known and has no effect; did you mean SyncEngine:Limits:RowsPerResult?",
            ],
            lines.Order(StringComparer.Ordinal));
    }

    internal static IConfiguration Of(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(value => KeyValuePair.Create(value.Key, (string?)value.Value))).Build();
}
