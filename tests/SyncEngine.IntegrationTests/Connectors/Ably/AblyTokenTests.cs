using System.Text;
using SyncEngine.AblySimulator;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Targets;
using SyncEngine.Tests.Server;
using Xunit;
using static SyncEngine.IntegrationTests.Connectors.Ably.AblyFixture;

namespace SyncEngine.IntegrationTests.Connectors.Ably;

/// <summary>Tokens: obtained, renewed once for all who need them, and never sent in place of a message's fault.</summary>
public sealed class AblyTokenTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private SimulatedAbly ably = null!;

    public async ValueTask InitializeAsync() => ably = await SimulatedAbly.StartAsync(new SimulatorOptions { Time = time });

    public ValueTask DisposeAsync() => ably.DisposeAsync();

    [Fact]
    public async Task Fifty_publishes_with_a_revoked_token_renew_it_once()
    {
        await using var target = Target(ably, options => options with { UseTokens = true, ConcurrentRequests = 64 }, time);
        IsStored(await target.PublishAsync("first", 0));
        Assert.Equal(1, ably.TokensIssued);
        ably.RevokeTokens();
        var results = await Task.WhenAll(Enumerable.Range(0, 50).Select(number => target.PublishAsync($"channel-{number}", number)));
        Assert.All(results, IsStored);
        Assert.Equal(2, ably.TokensIssued);
        var publishing = ably.Requests.Where(request => request.Target.StartsWith("/channels", StringComparison.Ordinal));
        Assert.DoesNotContain(publishing, request => request.Headers["Authorization"].StartsWith("Basic", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_token_is_renewed_before_it_expires()
    {
        await using var target = Target(ably, options => options with { UseTokens = true }, time);
        IsStored(await target.PublishAsync("foo", 1));
        time.Now += TimeSpan.FromMinutes(55);
        IsStored(await target.PublishAsync("foo", 2));
        Assert.Equal(2, ably.TokensIssued);
        Assert.DoesNotContain(ably.Arrivals, arrival => arrival.Outcome is not Outcome.Stored);
    }

    [Fact]
    public async Task A_clock_that_is_wrong_is_set_right_against_Ably()
    {
        var wrong = new ManualTime { Now = time.Now + TimeSpan.FromHours(3) };
        await using var target = Target(ably, options => options with { UseTokens = true }, wrong);
        IsStored(await target.PublishAsync("foo", 1));
        IsStored(await target.PublishAsync("foo", 2));
        Assert.Equal(1, ably.TokensIssued);
    }

    [Fact]
    public async Task A_token_given_by_hand_pauses_when_it_has_expired()
    {
        ably.AddToken("given", time.Now + TimeSpan.FromMinutes(1));
        await using var target = Target(ably, options => options with { Key = null, Token = "given" }, time);
        IsStored(await target.PublishAsync("foo", 1));
        time.Now += TimeSpan.FromMinutes(1);
        IsRefused(await target.PublishAsync("foo", 2), RefusalKind.Pause, "40142");
    }

    [Theory]
    [InlineData("text")]
    [InlineData("jwt")]
    [InlineData("details")]
    [InlineData("request")]
    public async Task An_address_for_tokens_may_answer_in_each_form(string form)
    {
        ably.AddToken("one", time.Now + TimeSpan.FromMinutes(1));
        ably.AddToken("two", time.Now + TimeSpan.FromHours(1));
        var asked = 0;
        ably.AuthAnswer = () =>
        {
            var token = Interlocked.Increment(ref asked) == 1 ? "one" : "two";
            return form switch
            {
                "text" => ("text/plain", token + "\n"),
                "jwt" => ("application/jwt", token),
                "details" => ("application/json", $$"""{"token":"{{token}}"}"""),
                _ => ("application/json", ably.SignedTokenRequest()),
            };
        };
        await using var target = Target(
            ably, options => options with { Key = null, AuthUrl = new Uri(ably.Address, "/auth?secret=x").ToString() }, time);
        IsStored(await target.PublishAsync("foo", 1));
        time.Now += TimeSpan.FromMinutes(59); // past the end of "one", and close to the end of what was requested
        IsStored(await target.PublishAsync("foo", 2));
        Assert.Equal(2, asked);
        Assert.DoesNotContain(ably.Requests, request => request.Headers.TryGetValue("Authorization", out var header) && header.StartsWith(
            "Basic", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("text/html", "<html>")]
    [InlineData("text/plain", "two words")]
    [InlineData("text/plain", "")]
    [InlineData("application/json", "{}")]
    [InlineData("application/json", "[1")]
    public async Task An_answer_without_a_token_pauses(string contentType, string body)
    {
        ably.AuthAnswer = () => (contentType, body);
        await using var target = Target(
            ably, options => options with { Key = null, AuthUrl = new Uri(ably.Address, "/auth").ToString() }, time);
        IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Pause, "40170");
        ably.AddToken("good", time.Now + TimeSpan.FromHours(1));
        ably.AuthAnswer = () => ("text/plain", "good");
        IsStored(await target.PublishAsync("foo", 1));
    }

    [Fact]
    public async Task A_renewed_token_that_is_refused_again_pauses_after_one_renewal()
    {
        await using var target = Target(ably, options => options with { UseTokens = true }, time);
        IsStored(await target.PublishAsync("foo", 1));
        using var refusal = ably.Inject(new Fault.Refuse(401, 40142), "foo");
        IsRefused(await target.PublishAsync("foo", 2), RefusalKind.Pause, "40142");
        Assert.Equal((2, 2), (refusal.Hits, ably.TokensIssued));
    }

    [Fact]
    public async Task A_token_that_cannot_be_had_at_present_is_tried_again()
    {
        using var failing = ably.Inject(new Fault.Refuse(503, 50003), endpoints: Endpoints.Tokens);
        await using var target = Target(ably, options => options with { UseTokens = true }, time);
        IsRefused(await target.PublishAsync("foo", 1), RefusalKind.Retry, "50003");
        failing.Lift();
        IsStored(await target.PublishAsync("foo", 1));
    }

    [Fact]
    public async Task A_caller_that_stops_waiting_for_a_token_leaves_the_others_theirs()
    {
        using var hang = ably.Inject(new Fault.Hang(), endpoints: Endpoints.Tokens);
        await using var target = Target(ably, options => options with { UseTokens = true }, time);
        using var stop = new CancellationTokenSource();
        var impatient = target.PublishAsync([Message("foo", 1)], stop.Token);
        var patient = target.PublishAsync("bar", 2);
        await hang.WaitForHitsAsync(1, Deadline);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        hang.Lift();
        IsStored(await patient);
        Assert.Equal(1, ably.TokensIssued);
    }
}
