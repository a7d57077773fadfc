using SyncEngine.LiveQueries;
using SyncEngine.Loop;
using SyncEngine.Observability;
using SyncEngine.Options;
using SyncEngine.Permissions;
using SyncEngine.Subscriptions;
using SyncEngine.Tests.Simulation;
using Xunit;

namespace SyncEngine.Tests.Subscriptions;

public sealed class SubscriptionExpiryTests : IDisposable
{
    private static readonly TimeSpan unattended = TimeSpan.FromMinutes(2);

    private readonly EngineMetrics metrics = new();
    private readonly ManualTime time = new();
    private readonly EngineContext context;
    private readonly SubscriptionExpiry expiry;

    public SubscriptionExpiryTests()
    {
        context = new EngineContext(new EngineOptions { Unattended = unattended }, metrics, new Timeline(time));
        expiry = new SubscriptionExpiry(context);
    }

    [Fact]
    public void A_subscription_that_no_stream_shows_for_long_is_taken_once()
    {
        var subscription = Subscribe();
        expiry.WatchUnattended(subscription);
        Pass(unattended);
        Assert.Empty(expiry.TakeUnattended());
        Pass(TimeSpan.FromSeconds(1));
        Assert.Equal([subscription], expiry.TakeUnattended());
        Assert.Empty(expiry.TakeUnattended());
    }

    [Fact]
    public void A_stream_in_between_begins_the_time_anew()
    {
        Subscription shown = Subscribe(), left = Subscribe();
        expiry.WatchUnattended(shown);
        expiry.WatchUnattended(left);
        shown.AttachmentCount = 1;
        Pass(unattended / 2);
        expiry.WatchUnattended(left);
        Pass(unattended);
        Assert.Empty(expiry.TakeUnattended());
        Pass(TimeSpan.FromSeconds(1));
        Assert.Equal([left], expiry.TakeUnattended());
    }

    [Fact]
    public void A_subscription_ends_with_its_token_unless_that_is_renewed()
    {
        Subscription first = Subscribe(30), renewed = Subscribe(20), endless = Subscribe(), ended = Subscribe(10);
        foreach (var subscription in (Subscription[])[first, renewed, endless, ended])
        {
            expiry.WatchToken(subscription);
        }

        ended.Query = null;
        renewed.Principal = PrincipalFor(60);
        expiry.WatchToken(renewed);
        Pass(TimeSpan.FromSeconds(30));
        Assert.Equal([first], expiry.TakeExpired());
        Pass(TimeSpan.FromSeconds(30));
        Assert.Equal([renewed], expiry.TakeExpired());
    }

    public void Dispose() => metrics.Dispose();

    private Subscription Subscribe(int? seconds = null) =>
        new("id", PrincipalFor(seconds), new LiveQuery(ModelQuery.Named("items all").Plan, [], 0));

    private Principal PrincipalFor(int? seconds) =>
        new("i", "alice", "app", "{}", seconds is { } valid ? context.Timeline.Now.AddSeconds(valid) : null);

    private void Pass(TimeSpan span)
    {
        time.Advance(span);
        context.Timeline.BeginRound();
    }
}
