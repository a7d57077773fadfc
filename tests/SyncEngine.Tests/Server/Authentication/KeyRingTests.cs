using Microsoft.Extensions.Logging.Abstractions;
using SyncEngine.Errors;
using SyncEngine.Server.Authentication;
using Xunit;

namespace SyncEngine.Tests.Server.Authentication;

public sealed class KeyRingTests
{
    private readonly ManualTime time = new();
    private int fetches;
    private bool isDown;
    private string[] published = ["one"];

    [Fact]
    public async Task Keys_are_fetched_once_and_again_when_they_are_old()
    {
        using var ring = Ring();

        Assert.Single(await FindAsync(ring, "one"));
        Assert.Single(await FindAsync(ring, "one"));
        Assert.Equal(1, fetches);
        time.Now += TimeSpan.FromMinutes(6);
        await FindAsync(ring, "one");
        Assert.Equal(2, fetches);
    }

    [Fact]
    public async Task A_key_id_that_is_not_known_fetches_again_but_not_in_a_flood()
    {
        using var ring = Ring();
        await FindAsync(ring, "one");
        published = ["two"];

        Assert.Empty(await FindAsync(ring, "two"));
        time.Now += TimeSpan.FromSeconds(10);
        Assert.Single(await FindAsync(ring, "two"));
        for (var i = 0; i < 100; i++)
        {
            Assert.Empty(await FindAsync(ring, $"unknown {i}"));
        }

        Assert.Empty(await FindAsync(ring, "one"));
        Assert.Equal(2, fetches);
    }

    [Fact]
    public async Task While_the_endpoint_is_down_the_last_keys_serve_for_a_day_and_then_none()
    {
        using var ring = Ring();
        await FindAsync(ring, "one");
        isDown = true;

        time.Now += TimeSpan.FromHours(23);
        Assert.Single(await FindAsync(ring, "one"));
        time.Now += TimeSpan.FromHours(2);
        var error = await Assert.ThrowsAsync<SyncException>(() => FindAsync(ring, "one"));
        Assert.Equal(ErrorCode.SourceUnavailable, error.Code);
        isDown = false;
        time.Now += TimeSpan.FromSeconds(10);
        Assert.Single(await FindAsync(ring, "one"));
    }

    [Fact]
    public async Task Without_any_keys_yet_a_token_is_not_judged()
    {
        isDown = true;
        using var ring = Ring();

        Assert.Equal(ErrorCode.SourceUnavailable, (await Assert.ThrowsAsync<SyncException>(() => FindAsync(ring, "one"))).Code);
    }

    private KeyRing Ring() => new([], FetchAsync, time, NullLogger<KeyRing>.Instance);

    private Task<IReadOnlyList<VerificationKey>> FetchAsync(CancellationToken cancellationToken)
    {
        fetches++;
        return isDown
            ? throw new HttpRequestException("down")
            : Task.FromResult<IReadOnlyList<VerificationKey>>([.. published.Select(id => VerificationKey.FromSecret(Tokens.Secret) with { Id = id })]);
    }

    private static async Task<IReadOnlyList<VerificationKey>> FindAsync(KeyRing ring, string keyId) => await ring.FindAsync("HS256", keyId, TestContext.Current.CancellationToken);
}
