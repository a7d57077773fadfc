using SyncEngine.Server.Errors;
using Xunit;

namespace SyncEngine.Tests.Server.Errors;

public sealed class RequestLimiterTests
{
    private readonly ManualTime time = new();

    [Fact]
    public void A_caller_has_its_number_of_requests_in_a_minute_and_then_waits_for_the_rest_of_it()
    {
        var limiter = new RequestLimiter(new() { RequestsPerMinute = 3 }, time);

        Assert.True(limiter.TryCount("ada", out _));
        time.Now += TimeSpan.FromSeconds(20);
        Assert.True(limiter.TryCount("ada", out _));
        Assert.True(limiter.TryCount("ada", out _));
        Assert.False(limiter.TryCount("ada", out var wait));
        Assert.Equal(TimeSpan.FromSeconds(40), wait);
        Assert.True(limiter.TryCount("eve", out _));
        time.Now += wait;
        Assert.True(limiter.TryCount("ada", out _));
    }

    [Fact]
    public void Zero_is_no_bound()
    {
        var limiter = new RequestLimiter(new() { RequestsPerMinute = 0 }, time);
        Assert.All(Enumerable.Range(0, 1000), _ => Assert.True(limiter.TryCount("ada", out var _)));
    }

    [Fact]
    public void A_flood_of_names_shares_one_bound_and_is_forgotten_after_the_minute()
    {
        var limiter = new RequestLimiter(new() { RequestsPerMinute = 3 }, time);
        for (var i = 0; i < 100_000; i++)
        {
            Assert.True(limiter.TryCount($"name {i}", out _));
        }

        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(i => limiter.TryCount($"more {i}", out _)));
        Assert.True(limiter.TryCount("name 0", out _));
        time.Now += TimeSpan.FromMinutes(1);
        Assert.True(limiter.TryCount("more 5", out _));
    }
}
