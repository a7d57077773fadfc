using SyncEngine.Errors;
using SyncEngine.Server.Authentication;
using Xunit;

namespace SyncEngine.Tests.Server.Authentication;

/// <summary>Keys that change, through the scheme that requests go through. A token is accepted when its key was found.</summary>
public sealed class KeyRingTests : IAsyncDisposable
{
    private readonly ManualTime time = new();
    private readonly Tokens.TokenScheme scheme;
    private int fetches;
    private bool isDown;
    private string[] published = ["one"];

    public KeyRingTests() => scheme = Tokens.Scheme(new() { Jwks = "https://issuer.example/keys" }, time, fetch: FetchAsync);

    public ValueTask DisposeAsync() => scheme.DisposeAsync();

    [Fact]
    public async Task Keys_are_fetched_once_and_again_when_they_are_old()
    {
        Assert.True(await IsFoundAsync("one"));
        Assert.True(await IsFoundAsync("one"));
        Assert.Equal(1, fetches);
        time.Now += TimeSpan.FromMinutes(6);
        Assert.True(await IsFoundAsync("one"));
        Assert.Equal(2, fetches);
    }

    [Fact]
    public async Task A_key_id_that_is_not_known_fetches_again_but_not_in_a_flood()
    {
        Assert.True(await IsFoundAsync("one"));
        published = ["two"];

        Assert.False(await IsFoundAsync("two"));
        time.Now += TimeSpan.FromSeconds(10);
        Assert.True(await IsFoundAsync("two"));
        for (var i = 0; i < 100; i++)
        {
            Assert.False(await IsFoundAsync($"unknown {i}"));
        }

        Assert.False(await IsFoundAsync("one"));
        Assert.Equal(2, fetches);
    }

    [Fact]
    public async Task A_key_that_was_just_published_is_found_by_the_first_token_that_it_signed()
    {
        Assert.True(await IsFoundAsync("one"));
        published = ["one", "two"];
        time.Now += TimeSpan.FromSeconds(10);

        Assert.True(await IsFoundAsync("two"));
        Assert.Equal(2, fetches);
    }

    [Fact]
    public async Task While_the_endpoint_is_down_the_last_keys_serve_for_a_day_and_then_none()
    {
        Assert.True(await IsFoundAsync("one"));
        isDown = true;

        time.Now += TimeSpan.FromHours(23);
        Assert.True(await IsFoundAsync("one"));
        time.Now += TimeSpan.FromHours(2);
        var error = await Assert.ThrowsAsync<SyncException>(() => IsFoundAsync("one"));
        Assert.Equal(ErrorCode.SourceUnavailable, error.Code);
        isDown = false;
        time.Now += TimeSpan.FromSeconds(10);
        Assert.True(await IsFoundAsync("one"));
    }

    [Fact]
    public async Task Without_any_keys_yet_a_token_is_not_judged()
    {
        isDown = true;

        Assert.Equal(ErrorCode.SourceUnavailable, (await Assert.ThrowsAsync<SyncException>(() => IsFoundAsync("one"))).Code);
    }

    private Task<IReadOnlyList<VerificationKey>> FetchAsync(CancellationToken cancellationToken)
    {
        fetches++;
        return isDown
            ? throw new HttpRequestException("down")
            : Task.FromResult<IReadOnlyList<VerificationKey>>(
                [.. published.Select(id => VerificationKey.FromSecret(Tokens.Secret) with { Id = id })]);
    }

    private async Task<bool> IsFoundAsync(string keyId)
    {
        try
        {
            var token = Tokens.Hs256("""{"role":"app_user"}""", $$"""{"alg":"HS256","kid":"{{keyId}}"}""");
            await scheme.ValidateAsync(token, TestContext.Current.CancellationToken);
            return true;
        }
        catch (SyncException refusal) when (refusal.Code == ErrorCode.Unauthenticated)
        {
            return false;
        }
    }
}
