using SyncEngine.Errors;
using SyncEngine.LiveQueries;
using SyncEngine.Loop;
using SyncEngine.Observability;
using SyncEngine.Options;
using SyncEngine.Permissions;
using SyncEngine.Subscriptions;
using SyncEngine.Tests.Simulation;
using Xunit;

namespace SyncEngine.Tests.Subscriptions;

public sealed class SubscriptionRegistryTests : IDisposable
{
    private static readonly Principal alice = new("i", "alice", "app", "{}", null);
    private static readonly Principal bob = new("i", "bob", "app", "{}", null);

    private readonly EngineMetrics metrics = new();
    private readonly LiveQuery query = new(ModelQuery.Named("items all").Plan, [], 0);
    private readonly SubscriptionRegistry registry;

    public SubscriptionRegistryTests() => registry = new SubscriptionRegistry(
        new EngineContext(new EngineOptions { SubscriptionsPerPrincipal = 2 }, metrics, new Timeline(new ManualTime())));

    [Fact]
    public void A_principal_has_no_more_subscriptions_than_its_quota_under_any_of_its_tokens()
    {
        var first = registry.Add(alice, query);
        registry.Add(alice with { Claims = """{"other":1}""" }, query);
        var refused = Assert.Throws<SyncException>(() => registry.CheckQuota(alice));
        Assert.Equal(ErrorCode.TooManySubscriptions, refused.Code);
        registry.CheckQuota(bob);

        Assert.True(registry.Remove(first));
        Assert.False(registry.Remove(first));
        registry.CheckQuota(alice);
        registry.Add(alice, query);
        Assert.Throws<SyncException>(() => registry.CheckQuota(alice));
    }

    [Fact]
    public void The_engines_own_principal_has_no_quota()
    {
        for (var i = 0; i < 5; i++)
        {
            registry.CheckQuota(Principal.Engine);
            registry.Add(Principal.Engine, query);
        }
    }

    [Fact]
    public void A_subscription_does_not_exist_for_another_principal()
    {
        var subscription = registry.Add(alice, query);
        Assert.Same(subscription, registry.Find(alice with { Claims = null }, subscription.Id));
        var refused = Assert.Throws<SyncException>(() => registry.Find(bob, subscription.Id));
        Assert.Equal(ErrorCode.UnknownSubscription, refused.Code);
        registry.Remove(subscription);
        Assert.Throws<SyncException>(() => registry.Find(alice, subscription.Id));
    }

    public void Dispose() => metrics.Dispose();
}
