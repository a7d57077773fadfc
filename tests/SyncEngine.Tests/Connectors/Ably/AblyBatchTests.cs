using System.Text;
using System.Text.Json;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Targets;
using Xunit;

namespace SyncEngine.Tests.Connectors.Ably;

public sealed class AblyBatchTests
{
    private const string Results = """[{"channel":"a","messageId":"1"},{"channel":"b","error":{"code":40160,"message":"no","statusCode":401}}]""";

    [Theory]
    [InlineData(201, 0, Results)]
    [InlineData(200, 0, """{"successCount":1,"failureCount":1,"results":""" + Results + "}")]
    [InlineData(201, 0, """[{"successCount":1,"failureCount":0,"results":[{"channel":"a","messageId":"1"}]},{"successCount":0,"failureCount":1,"results":[{"channel":"b","error":{"code":40160,"message":"no","statusCode":401}}]}]""")]
    [InlineData(400, 40020, """{"error":{"code":40020,"message":"some failed","statusCode":400},"batchResponse":""" + Results + "}")]
    public void Results_are_read_in_every_shape(int status, int code, string body)
    {
        var results = AblyBatch.Read(Answer(status, code, body));
        Assert.Equal(["a", "b"], results.Keys.Order(StringComparer.Ordinal));
        Assert.Null(results["a"]);
        Assert.Equal((RefusalKind.Never, "40160"), (results["b"]!.Kind, results["b"]!.Code));
    }

    [Theory]
    [InlineData(201, 0, "not json")]
    [InlineData(201, 0, "[]")]
    [InlineData(201, 0, """[{"channel":"a"}]""")]
    [InlineData(401, 40101, Results)]
    [InlineData(400, 40020, "{}")]
    public void An_answer_without_results_of_channels_is_no_success(int status, int code, string body) =>
        Assert.Empty(AblyBatch.Read(Answer(status, code, body)));

    [Fact]
    public void The_body_is_a_spec_for_each_message_no_larger_than_counted()
    {
        AblyMessage[] messages = [.. new[] { "a", "q\"é\\" }.Select(channel => AblyMessage.From(new OutboundMessage(channel, "7", "n", "{}", """{"h":1}"""), 1024))];
        var body = AblyBatch.Write(messages);
        using var json = JsonDocument.Parse(body);
        Assert.Equal(["a", "q\"é\\"], json.RootElement.EnumerateArray().Select(spec => spec.GetProperty("channels")[0].GetString()!));
        Assert.All(
            json.RootElement.EnumerateArray(), spec => Assert.Equal("7", spec.GetProperty("messages").GetProperty("id").GetString()));
        Assert.InRange(body.Length, 1, 2 + messages.Sum(AblyBatch.SizeOf));
    }

    private static AblyAnswer Answer(int status, int code, string body) =>
        new(status, code, Message: null, RetryAfter: null, Encoding.UTF8.GetBytes(body))
        {
            MediaType = "application/json",
            IsFromContentNetwork = false,
        };
}
