using Microsoft.Extensions.Configuration;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options;
using Xunit;

namespace SyncEngine.Tests.Server.Options;

public sealed class OptionsReaderTests
{
    [Fact]
    public void Without_configuration_the_documented_defaults_hold()
    {
        var replication = OptionsReader.Replication(Configuration());
        Assert.Equal(
            ("sync", PublishMode.Auto, SlotKind.Temporary, "sync"),
            (replication.Publication, replication.Publish, replication.Slot, replication.SlotName));
        Assert.Equal(["public"], replication.SchemaNames);
        Assert.Equal(new DatabaseOptions { Url = null, MaxConnections = 20 }, OptionsReader.Database(Configuration()));
        var embedded = OptionsReader.Embedded(Configuration(), "/root/of/content");
        Assert.Equal((null, 0, true, "/root/of/content"), (embedded.Major, embedded.Port, embedded.Demo, embedded.ContentRoot));
    }

    [Fact]
    public void Schemas_are_a_list_or_one_value_with_commas()
    {
        Assert.Equal(["sales", "stock"], Schemas(("SyncEngine:Replication:Schemas", "sales , stock")));
        Assert.Equal(
            ["sales", "stock"], Schemas(("SyncEngine:Replication:Schemas:0", "sales"), ("SyncEngine:Replication:Schemas:1", "stock")));

        static IReadOnlyList<string> Schemas(params (string Key, string Value)[] values) => OptionsReader.Replication(
            Configuration(values)).SchemaNames;
    }

    [Fact]
    public void Settings_of_the_embedded_server_are_read_by_name()
    {
        var embedded = OptionsReader.Embedded(
            Configuration(("SyncEngine:Embedded:Settings:fsync", "off"), ("SyncEngine:Embedded:Major", "17")), "/");
        Assert.Equal("off", embedded.Settings["fsync"]);
        Assert.Equal(17, embedded.Major);
    }

    [Theory]
    [InlineData("SyncEngine:Replication:Publish", "sometimes")]
    [InlineData("SyncEngine:Replication:Slot", "eternal")]
    [InlineData("SyncEngine:Replication:SlotName", "Not-Good")]
    [InlineData("SyncEngine:Replication:Publication", "")]
    public void An_error_names_the_key_of_a_wrong_value(string key, string value)
    {
        var problem = Assert.Throws<OperatorException>(() => OptionsReader.Replication(Configuration((key, value))));
        Assert.Contains(key, problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', problem.Message);
    }

    [Theory]
    [InlineData("SyncEngine:Embedded:Major", "13")]
    [InlineData("SyncEngine:Embedded:Port", "70000")]
    [InlineData("SyncEngine:Embedded:Demo", "perhaps")]
    public void An_error_names_the_key_of_a_wrong_value_for_the_embedded_server(string key, string value)
    {
        var problem = Assert.Throws<OperatorException>(() => OptionsReader.Embedded(Configuration((key, value)), "/"));
        Assert.Contains(key, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_rooms_are_validated_before_the_start()
    {
        var problem = Assert.Throws<OperatorException>(
            () => OptionRooms.Validate(Configuration(("SyncEngine:Subscriptions:Unattended", "2 d"))));
        Assert.Equal("SyncEngine:Subscriptions:Unattended must be between 1 s and 1 d", problem.Message);
    }

    [Fact]
    public void A_pool_of_one_connection_is_refused() =>
        Assert.Throws<OperatorException>(() => OptionsReader.Database(Configuration(("SyncEngine:Database:MaxConnections", "1"))));

    private static IConfiguration Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(pair => KeyValuePair.Create(pair.Key, (string?)pair.Value))).Build();
}
