using System.Net;
using System.Text;
using Microsoft.AspNetCore.SignalR;
using SyncEngine.IntegrationTests.Client;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>Requests, sockets and hub frames that no proper client sends.</summary>
public sealed class BadRequestTests(BadInputEngine shared) : IClassFixture<BadInputEngine>, IAsyncLifetime
{
    private const string Separator = "\u001e";
    private const string Handshake = """{"protocol":"json","version":1}""" + Separator;

    private readonly Engine engine = shared.Engine;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await shared.CheckAsync();

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("[{\"query\": \"SELECT 1\"}]")]
    [InlineData("\"SELECT 1\"")]
    [InlineData("42")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("{\"query\": \"SELECT 1\"")]
    [InlineData("{\"query\": \"SELECT 1\"} trailing")]
    [InlineData("{'query': 'SELECT 1'}")]
    [InlineData("{\"query\": 1}")]
    [InlineData("{\"query\": null}")]
    [InlineData("{\"query\": [\"SELECT 1\"]}")]
    [InlineData("{\"Query\": \"SELECT 1\"}")]
    [InlineData("{\"query\": \"SELECT 1\", \"limit\": 5}")]
    [InlineData("{\"query\": \"SELECT 1\", \"query\": \"SELECT 2\"}")]
    [InlineData("{\"query\": \"SELECT 1\", \"name\": \"both\"}")]
    [InlineData("{\"query\": \"SELECT 1\", \"params\": {}}")]
    [InlineData("{\"query\": \"SELECT 1\", \"params\": 5}")]
    [InlineData("{\"query\": \"\\ud800\"}")]
    [InlineData("{\"name\": \"no such name\"}")]
    [InlineData("{\"name\": null}")]
    [InlineData("{\"name\": \"\\ud800\"}")]
    [InlineData("{\"\\ud800\": 1}")]
    [InlineData("{\"name\": \"../../appsettings\"}")]
    [InlineData("query=SELECT+1")]
    [InlineData("<query>SELECT 1</query>")]
    [InlineData("{\"query\": \"SELECT \u0000 1\"}")]
    public async Task A_body_that_is_none_is_an_invalid_request(string body)
    {
        Assert.Equal("400 invalid_request", shared.Hear(await engine.PostAsync("/subscribe", body, shared.Mallory)).Outcome);
        Assert.Equal("400 invalid_request", shared.Hear(await engine.PostAsync("/explain", body, shared.Mallory)).Outcome);
    }

    [Fact]
    public async Task A_body_in_another_encoding_type_or_size_is_refused_or_read_as_JSON()
    {
        const string Body = """{"query": "SELECT 1 AS one"}""";
        foreach (var content in (HttpContent[])
            [
                new ByteArrayContent([0xff, 0xfe, .. Encoding.Unicode.GetBytes(Body)]),
                new ByteArrayContent([.. "{\"query\": \""u8, 0xc3, 0x28, .. "\"}"u8]),
                new ByteArrayContent([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]) { Headers = { { "Content-Encoding", "gzip" } } },
                new MultipartFormDataContent { { new StringContent(Body), "body" } },
            ])
        {
            var answer = shared.Hear(await engine.SendAsync(HttpMethod.Post, "/subscribe", content, shared.Mallory));
            Assert.Contains(answer.Outcome, (string[])["400 invalid_request", "413 invalid_request", "415 invalid_request"]);
        }

        // A body that is too large is refused by its length, before it is sent.
        var large = shared.Hear(await engine.SendAsync(HttpMethod.Post, "/subscribe", new ByteArrayContent(new byte[20_000_000]), shared.Mallory, ("Expect", "100-continue")));
        Assert.Contains(large.Outcome, (string[])["400 invalid_request", "413 invalid_request"]);
        var plain = shared.Hear(await engine.SendAsync(HttpMethod.Post, "/subscribe", new StringContent(Body, Encoding.UTF8, "text/plain"), shared.Mallory));
        Assert.Contains(plain.Outcome, (string[])["201", "415 invalid_request"]);
    }

    [Fact]
    public async Task Requests_that_never_end_or_are_no_HTTP_disturb_no_other_client()
    {
        List<RawClient> clients = [];
        foreach (var start in (string[])
            [
                $"POST /subscribe HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {shared.Mallory}\r\nContent-Length: 1000\r\n\r\n{{",
                $"POST /subscribe HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {shared.Mallory}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n",
                "POST /subscribe HTTP/1.1\r\nHost: loc",
                "G",
                "",
            ])
        {
            var client = await RawClient.ConnectAsync(engine.Address);
            clients.Add(client);
            foreach (var letter in start)
            {
                await client.SendAsync(letter.ToString());
            }
        }

        await shared.CheckAsync();
        clients.ForEach(client => client.Dispose());
        foreach (var rubbish in (string[])
            [
                "\u0016\u0003\u0001 a TLS hello",
                "GET\r\n\r\n",
                "GET / HTTP/9.9\r\n\r\n",
                "GET / HTTP/1.1\r\n\r\n",
                "POST /subscribe HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
                "POST /subscribe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
                "POST /subscribe HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "GET /" + new string('a', 20_000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + new string('a', 100_000) + "\r\n\r\n",
            ])
        {
            using var client = await RawClient.ConnectAsync(engine.Address);
            await client.SendAsync(rubbish);
            Assert.Matches("^HTTP/1.1 (4..|505) ", shared.Hear(await client.ReadToEndAsync()));
        }
    }

    [Theory]
    [InlineData("GET", "/nowhere", 404)]
    [InlineData("GET", "/subscribe", 400)]
    [InlineData("PUT", "/subscribe", 405)]
    [InlineData("DELETE", "/subscribe", 405)]
    [InlineData("PATCH", "/subscribe", 405)]
    [InlineData("POST", "/schema", 405)]
    [InlineData("GET", "/explain", 405)]
    [InlineData("BREW", "/subscribe", 405)]
    [InlineData("GET", "/subscribe/x", 405)]
    [InlineData("GET", "/subscribe/x/y", 404)]
    [InlineData("GET", "/../../etc/passwd", 404)]
    [InlineData("GET", "/%2e%2e/%2e%2e/etc/passwd", 404)]
    [InlineData("GET", "/..%5c..%5cappsettings.json", 404)]
    [InlineData("GET", "/appsettings.json", 404)]
    [InlineData("GET", "/web.config", 404)]
    [InlineData("GET", "/.git/config", 404)]
    public async Task Unknown_paths_and_methods_are_problems_too(string method, string path, int status)
    {
        var answer = shared.Hear(await engine.SendAsync(new HttpMethod(method), path, null, shared.Mallory));
        Assert.Equal($"{status} invalid_request", answer.Outcome);
    }

    public static TheoryData<string> ForgedIds() => ["x", "..", "%00", "%2e%2e%2f", "00000000-0000-0000-0000-000000000000", "aaaaaaaaaaaaaaaaaaaaaaaa", "' OR 1=1 --", "☃", new string('a', 5_000), "foreign", "FOREIGN"];

    [Theory]
    [MemberData(nameof(ForgedIds), DisableDiscoveryEnumeration = true)]
    public async Task A_forged_or_foreign_subscription_does_not_exist(string forged)
    {
        var id = forged switch
        {
            "foreign" => shared.Foreign.SubscriptionId,
            "FOREIGN" => shared.Foreign.SubscriptionId.ToUpperInvariant(),
            _ => forged,
        };
        var path = id is ".." ? "%2e%2e%2f" : id.Contains('%', StringComparison.Ordinal) ? id : Uri.EscapeDataString(id);
        foreach (var answer in (Answer[])
            [
                shared.Hear(await engine.DeleteAsync("/subscribe/" + path, shared.Mallory)),
                shared.Hear(await engine.GetAsync($"/subscribe/{path}/events", shared.Mallory)),
            ])
        {
            // A zero or a slash makes it no path at all.
            Assert.True(answer.Outcome is "404 unknown_subscription" || (id.Contains('%', StringComparison.Ordinal) && answer.Status is HttpStatusCode.NotFound or HttpStatusCode.BadRequest), answer.Outcome);
        }

        await using var open = await engine.OpenAsync(shared.Mallory);
        Assert.Contains("unknown_subscription: ", shared.Hear((await Assert.ThrowsAsync<HubException>(() => open.Hub!.AttachAsync(id))).Message));
        Assert.Contains("unknown_subscription: ", shared.Hear((await Assert.ThrowsAsync<HubException>(() => open.Hub!.DetachAsync(id))).Message));
        Assert.Contains("unknown_subscription: ", shared.Hear((await Assert.ThrowsAsync<HubException>(async () => await open.Hub!.StreamAsync(id).GetAsyncEnumerator().MoveNextAsync())).Message));
    }

    [Fact]
    public async Task Attaching_twice_is_refused_or_does_nothing_and_the_stream_goes_on()
    {
        await using var open = await engine.OpenAsync(shared.Mallory);
        var subscription = await engine.SubscribeAsync("SELECT id FROM h WHERE id < 3", token: shared.Mallory);
        var result = await open.AttachAsync(subscription);
        await open.UntilAsync(() => result.Stage == ResultStage.Live, "live");

        shared.Hear((await Assert.ThrowsAsync<HubException>(() => open.Hub!.AttachAsync(subscription.SubscriptionId))).Message);

        await open.PassAsync(await engine.CommitAsync("UPDATE h SET note = note WHERE id = 1"));
        Assert.Equal(ResultStage.Live, result.Stage);
        Assert.Null(open.Failure);
    }

    public static TheoryData<string, string> BrokenFrames()
    {
        TheoryData<string, string> data = new()
        {
            { "unknown method", Call("DropDatabase", "") },
            { "a method of the base class", Call("Dispose", "") },
            { "a method of the base class with arguments", Call("OnDisconnectedAsync", "null") },
            { "too few arguments", Call("Attach", "\"x\"") },
            { "too many arguments", Call("Attach", "\"x\",null,1") },
            { "wrong types", Call("Attach", "{},[]") },
            { "a number for an id", Call("Attach", "5,null") },
            { "null for an id", Call("Attach", "null,null") },
            { "wrong types of Await", Call("Await", "\"x\",\"soon\"") },
            { "a timeout out of range", Call("Await", "\"x\",99999999999") },
            { "Authenticate with rubbish", Call("Authenticate", "\"rubbish\"") },
            { "a stream called as a method", """{"type":1,"invocationId":"1","target":"Open","arguments":[]}""" },
            { "a method called as a stream", """{"type":4,"invocationId":"1","target":"Attach","arguments":["x",null]}""" },
            { "no target", """{"type":1,"invocationId":"1","arguments":[]}""" },
            { "no arguments", """{"type":1,"invocationId":"1","target":"Attach"}""" },
            { "type a text", """{"type":"1"}""" },
            { "no type", "{}" },
            { "an array", "[]" },
            { "not JSON", "hello" },
            { "half JSON", """{"type":1,"invocationId":""" },
            { "empty", "" },
            { "deep", """{"type":1,"invocationId":"1","target":"Attach","arguments":[""" + new string('[', 20_000) + new string(']', 20_000) + ",null]}" },
            { "a completion without an invocation", """{"type":3,"invocationId":"unknown","result":1}""" },
            { "a stream item without an invocation", """{"type":2,"invocationId":"unknown","item":1}""" },
            { "a cancellation without an invocation", """{"type":5,"invocationId":"unknown"}""" },
            { "uploads that no method takes", """{"type":1,"invocationId":"1","target":"Attach","arguments":["x",null],"streamIds":["1","2"]}""" },
            { "a close", """{"type":7,"error":"closing"}""" },
            { "oversized", Call("Attach", $"\"{new string('x', 200_000)}\",null") },
        };
        return data;

        static string Call(string target, string arguments) => $$"""{"type":1,"invocationId":"1","target":"{{target}}","arguments":[{{arguments}}]}""";
    }

    [Theory]
    [MemberData(nameof(BrokenFrames), DisableDiscoveryEnumeration = true)]
    public async Task A_broken_hub_frame_is_answered_with_an_error_or_a_closed_connection(string kind, string frame)
    {
        await using var socket = await TextSocket.ConnectAsync(engine.Address, "/sync", shared.Mallory);
        await socket.SendAsync(Handshake);
        Assert.Equal("{}" + Separator, await socket.ReceiveTextAsync());
        await socket.SendAsync(frame + Separator);
        // Whatever becomes of the frame, what follows it is answered or the connection is gone.
        await SendQuietlyAsync(socket, """{"type":1,"invocationId":"last","target":"Detach","arguments":["x"]}""" + Separator);
        try
        {
            while (await socket.ReceiveTextAsync() is { } answer)
            {
                shared.Hear(answer);
                Assert.DoesNotContain("\"result\"", answer);
                if (answer.Contains("\"last\"", StringComparison.Ordinal))
                {
                    Assert.Contains("invalid_request: ", answer);
                    return;
                }
            }
        }
        catch (System.Net.WebSockets.WebSocketException)
        {
            // Closed without a close frame. That is right for frames whose end cannot be recognised.
            Assert.NotEqual("unknown method", kind);
        }
    }

    [Theory]
    [InlineData("""{"protocol":"messagepack","version":1}""")]
    [InlineData("""{"protocol":"json","version":99}""")]
    [InlineData("""{"protocol":null}""")]
    [InlineData("{}")]
    [InlineData("hello")]
    [InlineData("""{"type":1,"invocationId":"1","target":"Open","arguments":[]}""")]
    public async Task A_wrong_handshake_is_refused(string handshake)
    {
        await using var socket = await TextSocket.ConnectAsync(engine.Address, "/sync", shared.Mallory);
        await socket.SendAsync(handshake + Separator);
        try
        {
            while (await socket.ReceiveTextAsync() is { } answer)
            {
                Assert.Contains("error", shared.Hear(answer));
            }
        }
        catch (System.Net.WebSockets.WebSocketException)
        {
            // Cut.
        }
    }

    [Fact]
    public async Task Garbage_on_sockets_closes_them()
    {
        foreach (var path in (string[])["/sync", "/subscribe"])
        {
            using var binary = await RawClient.ConnectAsync(engine.Address);
            await UpgradeAsync(binary, path);
            var garbage = new byte[10_000];
            new Random(4711).NextBytes(garbage);
            await binary.SendFrameAsync(0x82, garbage);
            await binary.SendFrameAsync(0x81, [0xff, 0xfe, 0xc3, 0x28]);
            shared.Hear(await binary.ReadToEndAsync());

            using var raw = await RawClient.ConnectAsync(engine.Address);
            await UpgradeAsync(raw, path);
            await raw.SendAsync(garbage);
            shared.Hear(await raw.ReadToEndAsync());

            using var unmasked = await RawClient.ConnectAsync(engine.Address);
            await UpgradeAsync(unmasked, path);
            await unmasked.SendAsync([0x81, 2, .. "{}"u8]);
            shared.Hear(await unmasked.ReadToEndAsync());

            using var endless = await RawClient.ConnectAsync(engine.Address);
            await UpgradeAsync(endless, path);
            try
            {
                for (var part = 0; part < 64; part++)
                {
                    await endless.SendFrameAsync(part == 0 ? (byte)0x01 : (byte)0x00, Encoding.ASCII.GetBytes(new string('x', 32_000)));
                }
            }
            catch (System.Net.Sockets.SocketException)
            {
                // Cut before the end, as it should be.
            }

            shared.Hear(await endless.ReadToEndAsync());
        }

        Task UpgradeAsync(RawClient client, string path) => client.UpgradeAsync($"{path}?access_token={shared.Mallory}");
    }

    [Theory]
    [InlineData("")]
    [InlineData("hello")]
    [InlineData("[]")]
    [InlineData("{\"query\": 5}")]
    [InlineData("{\"query\": \"DROP TABLE h\"}")]
    [InlineData("{\"query\": \"SELECT * FROM hidden\"}")]
    public async Task A_wrong_first_frame_at_the_simple_socket_is_answered_and_closed(string frame)
    {
        await using var socket = await TextSocket.ConnectAsync(engine.Address, "/subscribe", shared.Mallory);
        await socket.SendAsync(frame);
        Assert.Contains("\"code\":\"", shared.Hear((await socket.ReceiveTextAsync())!));
        Assert.True(await socket.IsClosedAsync());
    }

    [Fact]
    public async Task A_storm_of_subscriptions_and_streams_passes()
    {
        var token = shared.Mallory;
        await Task.WhenAll(Enumerable.Range(0, 40).Select(async number =>
        {
            var subscription = await engine.SubscribeAsync("SELECT id, note FROM h WHERE id = $1 OR n = $2", $"[{number}, {number + 1}]", token);
            var watch = await engine.StreamAsync(subscription, token: token);
            await watch.LiveAsync();
            await watch.DisposeAsync();
            Assert.Equal("204", (await engine.DeleteAsync("/subscribe/" + subscription.SubscriptionId, token)).Outcome);
        }));
        await using var hub = await SyncHubClient.ConnectAsync(engine.Address, token);
        var waiting = Enumerable.Range(0, 50).Select(number => hub.AwaitAsync($"storm-{number}", 50)).ToList();
        Assert.All(await Task.WhenAll(waiting), answer => Assert.Equal("timeout", answer.GetProperty("status").GetString()));
    }

    private static async Task SendQuietlyAsync(TextSocket socket, string text)
    {
        try
        {
            await socket.SendAsync(text);
        }
        catch (System.Net.WebSockets.WebSocketException)
        {
            // Closed already.
        }
    }
}
