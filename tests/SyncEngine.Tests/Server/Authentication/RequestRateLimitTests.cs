using System.Threading.RateLimiting;
using SyncEngine.Server.Authentication;
using Xunit;

namespace SyncEngine.Tests.Server.Authentication;

public sealed class RequestRateLimitTests
{
    [Fact]
    public void A_caller_has_its_number_of_requests_in_a_minute_and_then_waits_for_the_rest_of_it()
    {
        using var limiter = Limiter(requestsPerMinute: 3);

        Assert.Equal([true, true, true, false], Requests(limiter, "ada", 4));
        using var refused = limiter.AttemptAcquire("ada");
        Assert.True(refused.TryGetMetadata(MetadataName.RetryAfter, out var wait));
        Assert.InRange(wait.TotalSeconds, 1, 60);
        Assert.Equal([true], Requests(limiter, "eve", 1));
    }

    [Fact]
    public void The_wait_is_the_rest_of_the_minute_and_then_the_caller_is_served_again()
    {
        var time = new ManualTime();
        using var window = new RequestRateLimit(new() { RequestsPerMinute = 1 }, time).PartitionOf("ada").Factory("ada");
        Assert.True(window.AttemptAcquire().IsAcquired);

        time.Now += TimeSpan.FromSeconds(45);
        using var refused = window.AttemptAcquire();
        Assert.True(refused.TryGetMetadata(MetadataName.RetryAfter, out var wait));
        Assert.Equal(15, wait.TotalSeconds);

        time.Now += wait;
        Assert.True(window.AttemptAcquire().IsAcquired);
    }

    [Fact]
    public void Zero_is_no_bound()
    {
        using var limiter = Limiter(requestsPerMinute: 0);
        Assert.All(Requests(limiter, "ada", 1000), Assert.True);
    }

    [Fact]
    public void A_flood_of_names_shares_one_bound_and_earlier_callers_keep_theirs()
    {
        var policy = new RequestRateLimit(new() { RequestsPerMinute = 3 }, new ManualTime());
        using var limiter = PartitionedRateLimiter.Create<string, string>(policy.PartitionOf);
        for (var i = 0; i < RequestRateLimit.MaxCallers; i++)
        {
            Assert.Equal([true], Requests(limiter, $"name {i}", 1));
        }

        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(i => Requests(limiter, $"more {i}", 1).Single()));
        Assert.Equal([true, true, false], Requests(limiter, "name 0", 3));
    }

    [Fact]
    public void Callers_that_the_framework_has_dropped_are_not_kept()
    {
        var policy = new RequestRateLimit(new() { RequestsPerMinute = 3 }, new ManualTime());
        var window = policy.PartitionOf("ada").Factory("ada");
        Assert.Equal(1, policy.CallerCount);

        window.Dispose();
        Assert.Equal(0, policy.CallerCount);
    }

    private static PartitionedRateLimiter<string> Limiter(int requestsPerMinute) =>
        PartitionedRateLimiter.Create<string, string>(new RequestRateLimit(new() { RequestsPerMinute = requestsPerMinute }, new ManualTime()).PartitionOf);

    private static bool[] Requests(PartitionedRateLimiter<string> limiter, string caller, int count) =>
        [.. Enumerable.Range(0, count).Select(_ =>
        {
            using var lease = limiter.AttemptAcquire(caller);
            return lease.IsAcquired;
        })];
}
