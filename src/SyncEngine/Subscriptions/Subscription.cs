using System.Collections.Immutable;
using SyncEngine.Delivery;
using SyncEngine.Permissions;
using SyncEngine.Planning;
using SyncEngine.LiveQueries;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine.Subscriptions;

/// <summary>One client's registration of one query. It belongs to the principal that made it; for anyone else it does not exist.</summary>
public sealed class Subscription
{
    internal Subscription(string id, Principal principal, QueryPlan plan, ImmutableArray<string?> parameters)
    {
        Id = id;
        Principal = principal;
        Plan = plan;
        Parameters = parameters;
    }

    public string Id { get; }

    /// <summary>As of the newest token seen for it.</summary>
    public Principal Principal { get; internal set; }

    public QueryPlan Plan { get; internal set; }

    /// <summary>Canonical texts of $1, $2, …, lifted literals after them.</summary>
    public ImmutableArray<string?> Parameters { get; }

    /// <summary>Set while registered; owned by the change processor.</summary>
    internal LiveQuery? Query { get; set; }

    internal int AttachmentCount { get; set; }

    internal DateTimeOffset UnattendedSince { get; set; }
}
