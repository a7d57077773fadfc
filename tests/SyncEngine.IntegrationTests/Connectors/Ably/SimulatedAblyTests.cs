using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using SyncEngine.AblySimulator;
using SyncEngine.Tests.Server;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Ably;

/// <summary>The simulator refuses what Ably refuses; the other tests rely on that.</summary>
public sealed class SimulatedAblyTests : IAsyncLifetime
{
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(10);

    private readonly ManualTime time = new();
    private SimulatedAbly ably = null!;
    private HttpClient client = null!;

    public async ValueTask InitializeAsync()
    {
        ably = await SimulatedAbly.StartAsync(new SimulatorOptions { Time = time });
        client = Client(ably.Key);
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await ably.DisposeAsync();
    }

    [Fact]
    public async Task A_message_is_stored_once_per_id_within_the_window()
    {
        Assert.Equal((201, 0), await PublishAsync("""{"id":"7","name":"n","data":"{}","encoding":"json"}"""));
        Assert.Equal((201, 0), await PublishAsync("""{"id":"7","name":"n","data":"{}","encoding":"json"}"""));
        Assert.Single(ably.Messages("room"));
        Assert.Equal([Outcome.Stored, Outcome.Repeated], ably.Arrivals.Select(arrival => arrival.Outcome));

        time.Now += TimeSpan.FromMinutes(2);
        Assert.Equal((201, 0), await PublishAsync("""{"id":"7","name":"n"}"""));
        Assert.Equal(2, ably.Messages("room").Count);
    }

    [Theory]
    [InlineData("""[{"id":"a:0"},{"id":"a:1"}]""", 201, 0)]
    [InlineData("""[{"id":"a:0"},{"id":"b:1"}]""", 400, 40031)]
    [InlineData("""[{"id":"a:0"},{"id":"a:2"}]""", 400, 40031)]
    [InlineData("""[{"id":"1"},{"id":"2"}]""", 400, 40031)]
    [InlineData("""[{"id":"a:0"},{"name":"n"}]""", 400, 40031)]
    [InlineData("""{"id":7}""", 400, 40000)]
    [InlineData("[]", 400, 40000)]
    [InlineData("{", 400, 40000)]
    [InlineData("""{"data":5}""", 400, 40013)]
    [InlineData("""{"data":"{","encoding":"json"}""", 400, 40013)]
    [InlineData("""{"extras":{"headers":{"pages":[1]}}}""", 400, 40032)]
    [InlineData("""{"extras":{"headers":{"page":null,"size":1,"new":true,"name":"x"}}}""", 201, 0)]
    public async Task Messages_are_checked(string body, int status, int code) => Assert.Equal((status, code), await PublishAsync(body));

    [Fact]
    public async Task Bytes_of_name_data_client_and_extras_count_together()
    {
        var extras = """{"headers":{}}""";
        string Body(int length) => $$"""{"id":"{{length}}","name":"four","data":"{{new string('x', length)}}","clientId":"me","extras":{{extras}}}""";
        var most = 65_536 - 4 - 2 - extras.Length;
        Assert.Equal((201, 0), await PublishAsync(Body(most)));
        Assert.Equal((413, 40009), await PublishAsync(Body(most + 1)));
    }

    [Theory]
    [InlineData("%5Bmeta%5D", 40010)]
    [InlineData("%3Aname", 40010)]
    [InlineData("two%0Alines", 40010)]
    [InlineData("", 40010)]
    [InlineData("a%2Fb%3Fc%25d%20%C3%A9", 0)]
    public async Task Names_of_channels_are_checked(string name, int code)
    {
        Assert.Equal(code, (await PublishAsync("{}", name)).Code);
        Assert.Equal(code == 0 ? [Uri.UnescapeDataString(name)] : [], ably.Channels);
    }

    [Fact]
    public async Task Credentials_are_checked()
    {
        ably.AddKey("application.narrow:s", """{"orders:*":["publish"],"room":["subscribe"]}""");
        ably.AddToken("jwt", time.Now + TimeSpan.FromHours(1));
        using var wrong = Client("application.key:other");
        using var unknown = Client("other.key:secret");
        using var narrow = Client("application.narrow:s");
        using var bearer = Client("jwt");
        using var stranger = Client("stranger");
        Assert.Equal((401, 40101), await PublishAsync("{}", from: wrong));
        Assert.Equal((401, 40101), await PublishAsync("{}", from: unknown));
        Assert.Equal((401, 40160), await PublishAsync("{}", from: narrow));
        Assert.Equal((201, 0), await PublishAsync("{}", "orders%3A1", narrow));
        Assert.Equal((201, 0), await PublishAsync("{}", from: bearer));
        Assert.Equal((401, 40143), await PublishAsync("{}", from: stranger));
        time.Now += TimeSpan.FromHours(1);
        Assert.Equal((401, 40142), await PublishAsync("{}", from: bearer));
        ably.RevokeKey("application.narrow");
        Assert.Equal((401, 40131), await PublishAsync("{}", "orders%3A1", narrow));
    }

    [Fact]
    public async Task Tokens_are_issued_for_signed_requests_that_are_new()
    {
        var request = ably.SignedTokenRequest();
        using var anonymous = new HttpClient { BaseAddress = ably.Address };
        using var first = await anonymous.PostAsync("/keys/application.key/requestToken", Json(request));
        using var details = JsonDocument.Parse(await first.Content.ReadAsStringAsync());
        using var bearer = Client(details.RootElement.GetProperty("token").GetString()!);
        Assert.Equal((201, 0), await PublishAsync("{}", from: bearer));

        using var again = await anonymous.PostAsync("/keys/application.key/requestToken", Json(request));
        Assert.Equal("40105", again.Headers.GetValues("X-Ably-ErrorCode").Single());
        using var forged = await anonymous.PostAsync(
            "/keys/application.key/requestToken",
            Json(ably.SignedTokenRequest().Replace("\"mac\":\"", "\"mac\":\"x", StringComparison.Ordinal)));
        Assert.Equal("40101", forged.Headers.GetValues("X-Ably-ErrorCode").Single());
        ably.RevokeTokens();
        Assert.Equal((401, 40141), await PublishAsync("{}", from: bearer));
    }

    [Fact]
    public async Task A_batch_answers_each_spec_in_order()
    {
        using var response = await client.PostAsync("/messages", Json("""[{"channels":["a","b"],"messages":{"id":"1"}},{"channels":"[no","messages":{"id":"2"}},{"channels":"c","messages":[{"id":"3"},{"id":"4"}]}]"""));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        using var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        Assert.Equal(40020, answer.RootElement.GetProperty("error").GetProperty("code").GetInt32());
        Assert.Equal(
            [("a", 0), ("b", 0), ("[no", 40010), ("c", 40031)],
            answer.RootElement.GetProperty("batchResponse").EnumerateArray().Select(result => (
                result.GetProperty("channel").GetString()!,
                result.TryGetProperty("error", out var error) ? error.GetProperty("code").GetInt32() : 0)));
        Assert.Equal(2, ably.StoredCount);

        var channels = string.Join(',', Enumerable.Range(0, 101).Select(number => $"\"{number}\""));
        using var many = await client.PostAsync("/messages", Json($$"""{"channels":[{{channels}}],"messages":{} }"""));
        Assert.Equal("90010", many.Headers.GetValues("X-Ably-ErrorCode").Single());
    }

    [Fact]
    public async Task Rates_are_kept_per_channel_and_account()
    {
        await using var limited = await SimulatedAbly.StartAsync(
            new SimulatorOptions { Time = time, ChannelMessagesPerSecond = 2, ChannelBytesPerSecond = 10, AccountRequestsPerSecond = 5 });
        using var caller = Client(limited.Key, limited);
        Assert.Equal((201, 0), await PublishAsync("{}", from: caller));
        Assert.Equal((201, 0), await PublishAsync("{}", from: caller));
        Assert.Equal((429, 42913), await PublishAsync("{}", from: caller));
        Assert.Equal((429, 42914), await PublishAsync("""{"data":"eleven char"}""", "other", caller));
        Assert.Equal((201, 0), await PublishAsync("{}", "other", caller));
        Assert.Equal((429, 42918), await PublishAsync("{}", "third", caller));
        time.Now += TimeSpan.FromSeconds(1);
        Assert.Equal((201, 0), await PublishAsync("{}", from: caller));
    }

    [Fact]
    public async Task Faults_strike_so_often_and_where_they_should()
    {
        ably.Inject(new Fault.Refuse(429, 42910, TimeSpan.FromSeconds(3)), "ro*", times: 1);
        using (var refused = await client.PostAsync("/channels/room/messages", Json("{}")))
        {
            Assert.Equal(TimeSpan.FromSeconds(3), refused.Headers.RetryAfter?.Delta);
        }

        ably.Inject(new Fault.LoseAnswer(), times: 1);
        await Assert.ThrowsAsync<HttpRequestException>(() => PublishAsync("""{"id":"1"}"""));
        Assert.Single(ably.Messages("room"));
        ably.Inject(new Fault.StoreThenFail(), times: 1);
        Assert.Equal((500, 50000), await PublishAsync("""{"id":"2"}"""));
        Assert.Equal(2, ably.Messages("room").Count);
        ably.Inject(new Fault.Reset(), times: 1);
        await Assert.ThrowsAsync<HttpRequestException>(() => PublishAsync("""{"id":"3"}"""));
        Assert.Equal(2, ably.Messages("room").Count);

        using var hang = ably.Inject(new Fault.Hang(), times: 1);
        var hanging = PublishAsync("""{"id":"4"}""");
        await hang.WaitForHitsAsync(1, timeout);
        Assert.Equal((201, 0), await PublishAsync("""{"id":"5"}"""));
        Assert.False(hanging.IsCompleted);
        hang.Lift();
        Assert.Equal((201, 0), await hanging);
        Assert.Equal(["1", "2", "5", "4"], (await ably.WaitForAsync("room", 4, timeout)).Select(message => message.Id));
    }

    [Fact]
    public async Task It_can_be_closed_and_opened_again_at_the_same_address()
    {
        await PublishAsync("""{"id":"1"}""");
        var address = ably.Address;
        await ably.CloseAsync();
        await Assert.ThrowsAsync<HttpRequestException>(() => PublishAsync("""{"id":"1"}"""));
        await ably.OpenAsync();
        Assert.Equal(address, ably.Address);
        await PublishAsync("""{"id":"1"}""");
        Assert.Single(ably.Messages("room"));
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private HttpClient Client(string credential, SimulatedAbly? to = null) => new()
    {
        BaseAddress = (to ?? ably).Address,
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue(
            credential.Contains(':', StringComparison.Ordinal) ? "Basic" : "Bearer",
            Convert.ToBase64String(Encoding.UTF8.GetBytes(credential))) },
    };

    private async Task<(int Status, int Code)> PublishAsync(string body, string channel = "room", HttpClient? from = null)
    {
        using var response = await (from ?? client).PostAsync($"/channels/{channel}/messages", Json(body));
        return ((int)response.StatusCode, response.Headers.TryGetValues("X-Ably-ErrorCode", out var codes) ? int.Parse(codes.Single()) : 0);
    }
}
