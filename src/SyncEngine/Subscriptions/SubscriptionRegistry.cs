using System.Security.Cryptography;
using SyncEngine.Errors;
using SyncEngine.LiveQueries;
using SyncEngine.Loop;
using SyncEngine.Permissions;

namespace SyncEngine.Subscriptions;

/// <summary>All subscriptions by id, with the quota of each principal. Owned by the loop.</summary>
sealed class SubscriptionRegistry(EngineContext context)
{
    private readonly Dictionary<string, Subscription> subscriptions = new(StringComparer.Ordinal);
    private readonly Dictionary<(string? Issuer, string? Subject, string? Role), int> perPrincipal = [];

    public static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));

    /// <exception cref="SyncException">With <c>too_many_subscriptions</c> when the principal's quota is used up.</exception>
    public void CheckQuota(Principal principal)
    {
        var count = perPrincipal.GetValueOrDefault(OwnerOf(principal));
        if (count >= context.Options.SubscriptionsPerPrincipal && principal != Principal.Engine)
        {
            throw new SyncException(
                ErrorCode.TooManySubscriptions,
                $"this principal has {count} subscriptions already",
                hint: "Delete subscriptions that are no longer needed, or raise SyncEngine:Limits:SubscriptionsPerPrincipal.");
        }
    }

    public Subscription Add(Principal principal, LiveQuery query)
    {
        var subscription = new Subscription(NewId(), principal, query);
        query.Subscriptions.Add(subscription);
        subscriptions.Add(subscription.Id, subscription);
        var owner = OwnerOf(principal);
        perPrincipal[owner] = perPrincipal.GetValueOrDefault(owner) + 1;
        return subscription;
    }

    /// <returns>False when it was removed before.</returns>
    public bool Remove(Subscription subscription)
    {
        if (!subscriptions.Remove(subscription.Id))
        {
            return false;
        }

        var owner = OwnerOf(subscription.Principal);
        var count = perPrincipal[owner] - 1;
        if (count == 0)
        {
            perPrincipal.Remove(owner);
        }
        else
        {
            perPrincipal[owner] = count;
        }

        return true;
    }

    /// <summary>The subscription of any principal; null when it has ended.</summary>
    public Subscription? Get(string id) => subscriptions.GetValueOrDefault(id);

    /// <summary>The principal's subscription.</summary>
    /// <exception cref="SyncException">With <c>unknown_subscription</c>, for one of another principal too.</exception>
    public Subscription Find(Principal principal, string id) =>
        Get(id) is { } subscription && subscription.Principal.IsSameAs(principal)
            ? subscription
            : throw new SyncException(
                ErrorCode.UnknownSubscription,
                "no such subscription",
                hint: "Subscribe again; subscriptions that no stream shows are dropped.");

    private static (string?, string?, string?) OwnerOf(Principal principal) => (principal.Issuer, principal.Subject, principal.Role);
}
