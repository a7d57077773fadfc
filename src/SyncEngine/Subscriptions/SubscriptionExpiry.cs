using SyncEngine.LiveQueries;
using SyncEngine.Loop;

namespace SyncEngine.Subscriptions;

/// <summary>The subscriptions that will end with time: unattended ones, and those whose token expires. Owned by the loop.</summary>
/// <remarks>Both queues are in order of time, so that a check costs nothing for what is not due.</remarks>
sealed class SubscriptionExpiry(EngineContext context)
{
    private readonly Queue<(DateTimeOffset At, Subscription Subscription)> unattended = new();
    private readonly PriorityQueue<Subscription, DateTimeOffset> expiring = new();

    /// <summary>Notes that no stream shows the subscription from now on.</summary>
    public void WatchUnattended(Subscription subscription)
    {
        subscription.UnattendedSince = context.Timeline.Now;
        unattended.Enqueue((context.Timeline.Now, subscription));
    }

    /// <summary>Notes the end of the principal's token; the subscription ends with it.</summary>
    public void WatchToken(Subscription subscription)
    {
        if (subscription.Principal.ExpiresAt is { } expiry)
        {
            expiring.Enqueue(subscription, expiry);
        }
    }

    /// <summary>Takes the subscriptions that no stream has shown for <c>Unattended</c>.</summary>
    public IEnumerable<Subscription> TakeUnattended()
    {
        while (unattended.TryPeek(out var oldest) && context.Timeline.Now - oldest.At > context.Options.Unattended)
        {
            unattended.Dequeue();
            if (oldest.Subscription.AttachmentCount == 0 && oldest.Subscription.UnattendedSince == oldest.At)
            {
                yield return oldest.Subscription;
            }
        }
    }

    /// <summary>Takes the subscriptions whose token has expired and was not renewed.</summary>
    public IEnumerable<Subscription> TakeExpired()
    {
        while (expiring.TryPeek(out var subscription, out var expiry) && expiry <= context.Timeline.Now)
        {
            expiring.Dequeue();
            if (subscription.Query is not null && subscription.Principal.ExpiresAt <= context.Timeline.Now)
            {
                yield return subscription;
            }
        }
    }
}
