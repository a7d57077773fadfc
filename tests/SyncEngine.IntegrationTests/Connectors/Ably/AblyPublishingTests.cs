using System.Text;
using System.Text.Json;
using SyncEngine.AblySimulator;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Targets;
using Xunit;
using static SyncEngine.IntegrationTests.Connectors.Ably.AblyFixture;

namespace SyncEngine.IntegrationTests.Connectors.Ably;

/// <summary>One message after the other: the bytes of each request, and the meaning of each kind of answer.</summary>
public sealed class AblyPublishingTests : IAsyncLifetime
{
    private readonly CollectingLogger logger = new();
    private SimulatedAbly ably = null!;
    private AblyTarget target = null!;

    public async ValueTask InitializeAsync()
    {
        ably = await SimulatedAbly.StartAsync();
        target = Target(ably, logger: logger);
    }

    public async ValueTask DisposeAsync()
    {
        await target.DisposeAsync();
        await ably.DisposeAsync();
    }

    [Fact]
    public async Task A_message_goes_out_as_the_original_sent_it()
    {
        IsStored(await target.PublishAsync(
            new OutboundMessage("foo", "1", "test", """{"a": "é"}""", """{"x-ably-models-event-uuid": "1", "page": 2}""")));
        var message = Assert.Single(ably.Messages("foo"));
        Assert.Equal(
            ("1", "test", """{"a": "é"}""", "json", """{"headers":{"x-ably-models-event-uuid":"1","page":2}}"""),
            (message.Id, message.Name, message.Data, message.Encoding, message.Extras));

        var request = ably.Requests.Single(request => request.Target == "/channels/foo/messages");
        Assert.Equal("6", request.Headers["X-Ably-Version"]);
        Assert.StartsWith("syncengine/", request.Headers["Ably-Agent"]);
        Assert.Equal("Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(ably.Key)), request.Headers["Authorization"]);
    }

    [Fact]
    public async Task A_message_without_data_has_no_encoding_and_one_without_headers_no_extras()
    {
        IsStored(await target.PublishAsync(Message("foo", 1, data: null, headers: "{}")));
        var message = Assert.Single(ably.Messages("foo"));
        Assert.Equal((null, null, null), (message.Data, message.Encoding, message.Extras));
        using var body = JsonDocument.Parse(ably.Requests.Single(request => request.Target == "/channels/foo/messages").Body);
        Assert.Equal(["id", "name"], body.RootElement.EnumerateObject().Select(member => member.Name));
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("a%2Fb")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("../../keys")]
    [InlineData("a?b=c#d&e")]
    [InlineData("日本 + é\\\"")]
    [InlineData("a:b:[c]")]
    [InlineData(" ")]
    public async Task The_name_of_a_channel_arrives_whole(string channel)
    {
        IsStored(await target.PublishAsync(channel, 1));
        Assert.Equal([channel], ably.Channels);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[meta]log")]
    [InlineData(":name")]
    [InlineData("two\nlines")]
    public async Task A_channel_that_Ably_refuses_costs_no_request(string channel)
    {
        IsRefused(await target.PublishAsync(channel, 1), RefusalKind.Never, "40010");
        Assert.DoesNotContain(ably.Requests, request => request.Target.StartsWith("/channels", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Size_is_counted_as_Ably_counts_it_and_too_much_costs_no_request()
    {
        const string Headers = """{"k":"é"}""";
        var room = 65_536 - "event".Length - Encoding.UTF8.GetByteCount($$"""{"headers":{{Headers}}}""") - 2;
        IsStored(await target.PublishAsync(Message("foo", 1, $"\"{new string('x', room)}\"", Headers)));
        IsRefused(await target.PublishAsync(Message("foo", 2, $"\"{new string('x', room + 1)}\"", Headers)), RefusalKind.Never, "40009");
        IsStored(await target.PublishAsync("foo", 3));
        Assert.Equal(["1", "3"], ably.Arrivals.Select(arrival => arrival.Id));
    }

    [Fact]
    public async Task Nested_headers_are_refused_here()
    {
        IsRefused(await target.PublishAsync(Message("foo", 1, headers: """{"pages":[1]}""")), RefusalKind.Never, "40032");
        Assert.Empty(ably.Arrivals);
    }

    [Fact]
    public async Task A_lost_acknowledgement_is_tried_again_under_the_same_id_and_stored_once()
    {
        ably.Inject(new Fault.LoseAnswer(), "foo", times: 1);
        IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Retry, "unreachable");
        IsStored(await target.PublishAsync("foo", 1));
        ably.Inject(new Fault.StoreThenFail(), "foo", times: 1);
        IsRefused(await target.PublishAsync("foo", 2), RefusalKind.Retry, "50000");
        IsStored(await target.PublishAsync("foo", 2));
        Assert.Equal(["1", "2"], ably.Messages("foo").Select(message => message.Id));
        Assert.Equal(
            [Outcome.Stored, Outcome.Repeated, Outcome.Stored, Outcome.Repeated], ably.Arrivals.Select(arrival => arrival.Outcome));
    }

    [Theory]
    [InlineData(400, 40000, RefusalKind.Never)]
    [InlineData(413, 40009, RefusalKind.Never)]
    [InlineData(400, 40031, RefusalKind.Never)]
    [InlineData(401, 40160, RefusalKind.Never)]
    [InlineData(401, 40101, RefusalKind.Pause)]
    [InlineData(401, 40131, RefusalKind.Pause)]
    [InlineData(401, 40142, RefusalKind.Pause)]
    [InlineData(403, 40300, RefusalKind.Pause)]
    [InlineData(404, 40400, RefusalKind.Pause)]
    [InlineData(429, 42913, RefusalKind.Retry)]
    [InlineData(429, 42918, RefusalKind.Retry)]
    [InlineData(500, 50000, RefusalKind.Retry)]
    [InlineData(503, 50003, RefusalKind.Retry)]
    [InlineData(418, 49999, RefusalKind.Retry)]
    public async Task An_error_says_what_to_do(int status, int code, RefusalKind kind)
    {
        ably.Inject(new Fault.Refuse(status, code), "foo", times: 1);
        IsRefused(await target.PublishAsync("foo", 1), kind, code.ToString());
        IsStored(await target.PublishAsync("foo", 1));
    }

    [Fact]
    public async Task A_limit_of_rates_says_how_long_to_wait()
    {
        ably.Inject(new Fault.Refuse(429, 42918, TimeSpan.FromSeconds(7)), times: 1);
        Assert.Equal(TimeSpan.FromSeconds(7), IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Retry, "42918").After);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(403)]
    [InlineData(502)]
    public async Task An_answer_of_another_server_is_neither_a_success_nor_a_final_refusal(int status)
    {
        ably.Inject(new Fault.ContentNetwork(status), times: 1);
        IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Retry, status is 200 ? "not_ably" : $"http_{status}");
        IsStored(await target.PublishAsync("foo", 1));
    }

    [Fact]
    public async Task Dropped_and_refused_connections_are_tried_again()
    {
        ably.Inject(new Fault.Reset(), times: 1);
        IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Retry, "unreachable");
        await ably.CloseAsync();
        IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Retry, "unreachable");
        await ably.OpenAsync();
        IsStored(await target.PublishAsync("foo", 1));
    }

    [Fact]
    public async Task An_answer_that_does_not_come_ends_as_timeout_and_holds_up_no_other_channel()
    {
        await using var hasty = Target(
            ably, timeouts: new AblyTimeouts(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)));
        using var hang = ably.Inject(new Fault.Hang(), "foo");
        var slow = hasty.PublishAsync("foo", 1);
        IsStored(await hasty.PublishAsync("bar", 2));
        IsRefused(await slow, RefusalKind.Retry, "timeout");
    }

    [Fact]
    public async Task A_caller_that_stops_waiting_returns_at_once()
    {
        using var hang = ably.Inject(new Fault.Hang(), "foo");
        using var stop = new CancellationTokenSource();
        var publishing = target.PublishAsync([Message("foo", 1)], stop.Token);
        await hang.WaitForHitsAsync(1, Deadline);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => publishing);
        IsStored(await target.PublishAsync("bar", 2));
    }

    [Fact]
    public async Task Disposal_breaks_off_what_is_under_way()
    {
        using var hang = ably.Inject(new Fault.Hang(), "foo");
        var publishing = target.PublishAsync("foo", 1);
        await hang.WaitForHitsAsync(1, Deadline);
        await target.DisposeAsync();
        IsRefused(await publishing, RefusalKind.Retry, "stopped");
    }

    [Fact]
    public async Task Secrets_and_payloads_are_in_no_reason_and_no_log()
    {
        await using var stranger = Target(ably, options => options with { Key = "application.key:hidden-secret" }, logger: logger);
        var refusal = IsRefused(await stranger.PublishAsync(Message("foo", 1, "\"private-payload\"")), RefusalKind.Pause, "40101");
        ably.Inject(new Fault.Reset(), times: 1);
        await target.PublishAsync(Message("foo", 1, "\"private-payload\""));
        Assert.NotEmpty(logger.Lines);
        var encoded = Convert.ToBase64String("application.key:hidden-secret"u8);
        foreach (var text in logger.Lines.Append(refusal.Reason).Append(stranger.Health.State.Detail!))
        {
            Assert.DoesNotContain("hidden-secret", text);
            Assert.DoesNotContain(encoded, text);
            Assert.DoesNotContain("private-payload", text);
        }
    }
}
