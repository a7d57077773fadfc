using System.Text;
using System.Text.Json;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Targets;
using Xunit;

namespace SyncEngine.Tests.Connectors.Ably;

public sealed class AblyMessageTests
{
    [Theory]
    [InlineData("room", "/channels/room/messages")]
    [InlineData("a/b?c#d%", "/channels/a%2Fb%3Fc%23d%25/messages")]
    [InlineData("..", "/channels/%2E%2E/messages")]
    [InlineData("../x", "/channels/..%2Fx/messages")]
    [InlineData("é", "/channels/%C3%A9/messages")]
    public void The_path_holds_the_whole_name(string channel, string path) =>
        Assert.Equal(path, AblyMessage.From(new OutboundMessage(channel, "1", "n", null, "{}"), 1024).Path);

    [Theory]
    [InlineData("null", "null")]
    [InlineData("{\"a\": [1, 2]}", "{\"a\": [1, 2]}")]
    [InlineData("\"text\"", "\"text\"")]
    public void Data_is_the_text_of_the_json(string data, string expected)
    {
        using var json = JsonDocument.Parse(AblyMessage.From(new OutboundMessage("c", "1", "n", data, "{}"), 1024).Json);
        Assert.Equal(
            (expected, "json"), (json.RootElement.GetProperty("data").GetString(), json.RootElement.GetProperty("encoding").GetString()));
    }

    [Fact]
    public void Members_without_a_value_are_left_out()
    {
        var json = AblyMessage.From(new OutboundMessage("c", "1", "n", null, "{}"), 1024).Json;
        Assert.Equal("""{"id":"1","name":"n"}""", Encoding.UTF8.GetString(json.Span));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("")]
    [InlineData("{\"a\":{}}")]
    [InlineData("{\"a\":[]}")]
    public void Headers_are_a_flat_object(string headers)
    {
        var refusal =
            Assert.Throws<AblyRefusedException>(() => AblyMessage.From(new OutboundMessage("c", "1", "n", null, headers), 1024)).Refusal;
        Assert.Equal((RefusalKind.Never, "40032"), (refusal.Kind, refusal.Code));
    }

    [Fact]
    public void A_name_that_makes_no_address_is_refused()
    {
        AblyMessage.From(new OutboundMessage(new string('x', 16_000), "1", "n", null, "{}"), 1024);
        var message = new OutboundMessage(new string('é', 100_000), "1", "n", null, "{}");
        var refusal = Assert.Throws<AblyRefusedException>(() => AblyMessage.From(message, 1024)).Refusal;
        Assert.Equal((RefusalKind.Never, "40010"), (refusal.Kind, refusal.Code));
    }

    [Fact]
    public void Bytes_are_counted_and_not_characters()
    {
        var data = new string('é', 500);
        AblyMessage.From(new OutboundMessage("a-long-name-that-does-not-count", "1", "name", data, "{}"), 1004);
        var refusal =
            Assert.Throws<AblyRefusedException>(() => AblyMessage.From(new OutboundMessage("c", "1", "names", data, "{}"), 1004)).Refusal;
        Assert.Equal((RefusalKind.Never, "40009"), (refusal.Kind, refusal.Code));
    }
}
