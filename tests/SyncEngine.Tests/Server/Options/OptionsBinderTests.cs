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
    public void Every_option_of_the_engine_is_in_one_room_with_the_same_type_and_default()
    {
        var engine = new EngineOptions();
        foreach (var option in OptionsBinder.Properties(typeof(EngineOptions)))
        {
            var (room, property) = Assert.Single(
                OptionRooms.All.SelectMany(room => room.Options, (room, property) => (room, property)),
                pair => pair.property.Name == option.Name);
            Assert.Contains(room.Section, OptionsExtensions.EngineSections);
            Assert.Equal(option.PropertyType, property.PropertyType);
            Assert.Equal(option.GetValue(engine), property.GetValue(room.Bind(Of())));
        }
    }

    [Fact]
    public void Options_of_the_engine_reach_it()
    {
        var options = OptionsExtensions.ReadEngineOptions(
            Of(
                ("SyncEngine:Limits:ReadBatch", "7"),
                ("SyncEngine:Subscriptions:ReplayTotalBytes", "0"),
                ("SyncEngine:Delivery:CutInterval", "50 ms")));

        Assert.Equal(new EngineOptions { ReadBatch = 7, ReplayTotalBytes = 0, CutInterval = TimeSpan.FromMilliseconds(50) }, options);
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
        Assert.True(Duration.TryParse(Duration.Format(options.StatementTimeout), out var again));
        Assert.Equal(options.StatementTimeout, again);
    }

    [Theory]
    [InlineData("Limits:StatementTimeout", "10", "SyncEngine:Limits:StatementTimeout must be a duration")]
    [InlineData("Limits:StatementTimeout", "ten seconds", "SyncEngine:Limits:StatementTimeout must be a duration")]
    [InlineData("Limits:StatementTimeout", "0 s", "SyncEngine:Limits:StatementTimeout must be between 10 ms and 1 h")]
    [InlineData("Limits:RowsPerResult", "many", "SyncEngine:Limits:RowsPerResult cannot be read")]
    [InlineData("Limits:RowsPerResult", "' at 'there' to type 'x'.", "SyncEngine:Limits:RowsPerResult cannot be read")]
    [InlineData("Limits:RowsPerResult", "0", "SyncEngine:Limits:RowsPerResult must be between 1 and 100000000")]
    [InlineData("Limits:RowsPerResult", "99999999999", "SyncEngine:Limits:RowsPerResult cannot be read")]
    public void A_wrong_value_is_one_line_that_names_the_key(string key, string value, string line)
    {
        var error = Assert.Throws<OperatorException>(
            () => OptionsBinder.Bind<LimitOptions>(Of(($"SyncEngine:{key}", value)), LimitOptions.Section));
        Assert.StartsWith(line, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_list_may_be_one_value_or_several()
    {
        string[] expected = ["https://a.example", "https://b.example"];
        Assert.Equal(expected, Origins(("SyncEngine:Cors:Origins", "https://a.example, https://b.example")));
        Assert.Equal(
            expected, Origins(("SyncEngine:Cors:Origins:0", "https://a.example"), ("SyncEngine:Cors:Origins:1", "https://b.example")));

        static string[] Origins(params (string Key, string Value)[] values) =>
            OptionsBinder.Bind<CorsOptions>(Of(values), CorsOptions.Section).Origins;
    }

    [Fact]
    public void Keys_that_nothing_reads_are_named_with_the_nearest_that_exists()
    {
        var lines = UnknownKeys.Find(Of(
            ("SyncEngine:Limits:RowPerResult", "1"),
            ("SyncEngine:Limit:RowsPerResult", "1"),
            ("SyncEngine:limits:rowsperresult", "1"),
            ("Logging:X", "1")));

        Assert.Equal(
            [
                "the configuration key SyncEngine:Limit is not known and has no effect; did you mean SyncEngine:Limits?",
                "the configuration key SyncEngine:Limits:RowPerResult is not known and has no effect; "
                    + "did you mean SyncEngine:Limits:RowsPerResult?",
            ],
            lines.Order(StringComparer.Ordinal));
    }

    internal static IConfiguration Of(params (string Key, string Value)[] values) => new ConfigurationBuilder()
        .AddInMemoryCollection(values.Select(value => KeyValuePair.Create(value.Key, (string?)value.Value)))
        .Build();
}
